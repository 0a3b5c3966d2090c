import json
from pathlib import Path

from genapps import app, state

HERE = Path(__file__).parent


@app.get("/")
def index(request):
    config = json.loads((HERE / "config.json").read_text())
    return (HERE / "index.html").read_text(encoding="utf-8").replace("{{title}}", config["title"])


@app.get("/api/counter")
async def read(request):
    return {"value": await state.get("counter", 0)}


@app.post("/api/counter")
async def increment(request):
    step = (await request.json() or {}).get("step", 1) if await request.body() else 1
    value = await state.get("counter", 0) + step
    await state.put("counter", value)
    return {"value": value}
