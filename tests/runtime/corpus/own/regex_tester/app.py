import re
from html import escape

from genapps import app, html

FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


@app.get("/")
def form(request):
    pattern = request.query.get("pattern", "")
    text = request.query.get("text", "")
    flags = 0
    for flag in request.query.getlist("flag"):
        flags |= FLAGS.get(flag, 0)
    try:
        compiled = re.compile(pattern, flags)
    except re.error as e:
        return html(f"<p class=error>{escape(str(e))} at {e.pos}</p>", status=400)
    out, last = [], 0
    for m in compiled.finditer(text):
        out.append(escape(text[last:m.start()]))
        out.append(f"<mark>{escape(m.group())}</mark>")
        last = m.end()
    out.append(escape(text[last:]))
    groups = [m.groupdict() or m.groups() for m in compiled.finditer(text)]
    if request.headers.get("accept") == "application/json":
        return {"matches": len(groups), "groups": groups}
    return html("<p>" + "".join(out) + "</p>")
