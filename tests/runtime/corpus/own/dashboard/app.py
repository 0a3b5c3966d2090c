"""A dashboard: a built front-end in public/, and the numbers that it asks for."""

import random
from datetime import UTC, datetime

from genapps import app, state


@app.get("/api/metrics")
async def metrics(request):
    samples = await state.get("samples", [])
    return {"count": len(samples), "mean": sum(samples) / len(samples) if samples else None}


@app.post("/api/metrics")
async def record(request):
    data = await request.json()
    samples = [*(await state.get("samples", [])), float(data["value"])][-100:]
    await state.put("samples", samples)
    return {"count": len(samples)}, 201


@app.get("/api/random")
def sample(request):
    return {"value": random.random(), "at": datetime.now(UTC).isoformat()}


@app.get("/{page:path}")
def not_a_page(request, page):
    return f"No page {page}", 404
