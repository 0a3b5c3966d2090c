import base64
import hashlib
import mimetypes
from pathlib import PurePosixPath

from genapps import app, Response, html, state

MAX = 100 * 1024
ALLOWED = {".txt", ".png", ".json"}


@app.get("/")
async def index(request):
    files = [f"<li><a href='/files/{key[5:]}'>{info['name']}</a> ({info['size']} bytes)</li>"
             for key, info in await state.list("file/")]
    return html("<h1>Files</h1><ul>" + "".join(files) + "</ul>"
                "<form method='post' action='/upload' enctype='multipart/form-data'>"
                "<input type='file' name='file'><input name='note'><button>Upload</button></form>")


@app.post("/upload")
async def upload(request):
    form = await request.form()
    uploaded = request.files.get("file")
    if uploaded is None or not uploaded.filename:
        return {"error": "no file"}, 400
    name = PurePosixPath(uploaded.filename).name
    if PurePosixPath(name).suffix.lower() not in ALLOWED:
        return {"error": f"type not allowed: {name}"}, 415
    content = await uploaded.read()
    if len(content) > MAX:
        return {"error": "file too large"}, 413
    digest = hashlib.sha256(content).hexdigest()[:16]
    await state.put(f"file/{digest}", {
        "name": name, "size": len(content), "note": form.get("note", ""),
        "data": base64.b64encode(content).decode("ascii"),
    })
    return {"id": digest, "name": name, "size": len(content), "note": form.get("note", "")}, 201


@app.get("/files/{file_id}")
async def download(request, file_id):
    info = await state.get(f"file/{file_id}")
    if info is None:
        return Response("not found", status=404)
    kind, _ = mimetypes.guess_type(info["name"])
    return Response(base64.b64decode(info["data"]), content_type=kind,
                    headers={"Content-Disposition": f'inline; filename="{info["name"]}"'})
