"""A small job queue: producers post jobs, workers take the oldest one and acknowledge it."""
import asyncio
from contextlib import asynccontextmanager

from genapps import app, state

lock = asyncio.Lock()


@asynccontextmanager
async def jobs():
    async with lock:
        yield await state.list("job/", limit=50)


@app.post("/jobs")
async def add(request):
    job = await request.json()
    number = await state.get("tail", 0) + 1
    await state.put("tail", number)
    await state.put(f"job/{number:010d}", {"job": job, "taken": False})
    return {"id": number}, 201


@app.post("/jobs/take")
async def take(request):
    async with jobs() as waiting:
        for key, entry in waiting:
            if not entry["taken"]:
                await state.put(key, {**entry, "taken": True})
                return {"id": int(key[4:]), "job": entry["job"]}
    return "", 204


@app.delete("/jobs/{number}")
async def acknowledge(request, number):
    await state.delete(f"job/{int(number):010d}")
    return "", 204


@app.get("/jobs")
async def listed(request):
    entries = [entry async for _, entry in state.scan("job/")]
    return {"waiting": sum(not e["taken"] for e in entries), "taken": sum(e["taken"] for e in entries)}
