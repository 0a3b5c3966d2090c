export default {
  async fetch(request, env) {
    if (!["GET", "POST"].includes(request.method)) {
      return new Response("Method not allowed", { status: 405, headers: { Allow: "GET, POST" } });
    }
    const saved = await env.STATE.get("clicks");
    const clicks = saved ? JSON.parse(saved) : { total: 0 };
    if (request.method === "POST") {
      clicks.total += 1;
      await env.STATE.put("clicks", JSON.stringify(clicks));
    }
    return new Response(JSON.stringify(clicks), { headers: { "content-type": "application/json" } });
  },
};
