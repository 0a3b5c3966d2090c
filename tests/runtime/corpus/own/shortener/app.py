import secrets
import string
from urllib.parse import urlparse

from genapps import BadRequest, app, redirect, state

ALPHABET = string.ascii_letters + string.digits


def make_code(length=6):
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


@app.post("/shorten")
async def shorten(request):
    data = await request.json()
    url = data.get("url", "")
    parsed = urlparse(url)
    if parsed.scheme not in ("http", "https") or not parsed.netloc:
        raise BadRequest("url must be an absolute http(s) URL")
    code = make_code()
    while await state.get(f"url/{code}") is not None:
        code = make_code()
    await state.put(f"url/{code}", {"url": url, "hits": 0})
    return {"code": code, "short": f"http://{request.headers['host']}/{code}"}, 201


@app.get("/stats/{code}")
async def stats(request, code):
    entry = await state.get(f"url/{code}")
    if entry is None:
        return {"error": "unknown code"}, 404
    return entry


@app.get("/{code}")
async def follow(request, code):
    entry = await state.get(f"url/{code}")
    if entry is None:
        return {"error": "unknown code"}, 404
    entry["hits"] += 1
    await state.put(f"url/{code}", entry)
    return redirect(entry["url"], status=302)
