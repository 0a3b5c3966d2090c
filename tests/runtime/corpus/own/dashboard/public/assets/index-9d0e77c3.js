const r=document.getElementById("root");fetch("/api/metrics").then(a=>a.json()).then(m=>{r.textContent=`${m.count} samples`});
