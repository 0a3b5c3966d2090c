import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

from genapps import Response, app, file, state

NOTES = {"a.txt": "first note\n", "b/ü.txt": "zweite Notiz\n"}


@app.get("/notes.zip")
def as_zip(request):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in NOTES.items():
            archive.writestr(name, text)
    return file(buffer.getvalue(), "notes.zip")


@app.get("/notes.json")
def as_json(request):
    data = json.dumps(NOTES).encode()
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(gzip.compress(data), headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}, content_type="application/json")
    return Response(data, content_type="application/json")


@app.post("/unzip")
async def unzip(request):
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "upload.zip"
        target.write_bytes(await request.body())
        try:
            with zipfile.ZipFile(target) as archive:
                archive.extractall(folder)
        except zipfile.BadZipFile as e:
            return {"error": str(e)}, 422
        target.unlink()
        found = {str(p.relative_to(folder)): p.read_text("utf-8") for p in sorted(Path(folder).rglob("*")) if p.is_file()}
    await state.put("last", found)
    return found
