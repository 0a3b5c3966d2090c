import time
from html import escape

from genapps import BadRequest, app, state


@app.get("/")
async def show(request):
    entries = await state.list("entry/", limit=1000)
    rows = "".join(f"<p><b>{escape(e['name'])}</b>: {escape(e['text'])}</p>" for _, e in reversed(entries))
    return f"""
    <html><body>
    <h1>Guest book ({len(entries)})</h1>
    <form method="post"><input name="name"><textarea name="text"></textarea><button>Sign</button></form>
    {rows}
    </body></html>
    """


@app.post("/")
async def sign(request):
    form = await request.form()
    name, text = form["name"].strip(), form["text"].strip()
    if not name or not text:
        raise BadRequest("name and text are needed")
    if len(text) > 500:
        raise BadRequest("at most 500 characters")
    number = await state.get("count", 0) + 1
    await state.put("count", number)
    await state.put(f"entry/{number:08d}", {"name": name, "text": text, "at": time.time()})
    return "", 303, {"Location": "/"}
