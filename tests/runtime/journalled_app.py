# SPDX-License-Identifier: Apache-2.0
"""An app that calls tools in every way that matters to its journal."""

SOURCE = """
import asyncio
from genapps import Response, ToolError, app, state, tools

seen = []

async def count():
    n = await state.get("n", 0)
    await state.put("n", n + 1)

async def note(name):
    await state.sql("CREATE TABLE IF NOT EXISTS t (name)")
    await state.sql("INSERT INTO t VALUES (?)", name)

@app.post("/one/{tool}/{name}")
async def one(request, tool, name):
    await count()
    result = await tools.call("shop", tool, order=name)
    await note(name)
    return result

@app.post("/two/{tool}/{name}")
async def two(request, tool, name):
    results = [await tools.call("shop", tool, order=name), await tools.call("shop", tool + "-2", order=name)]
    await count()
    await note(name)
    return results

@app.post("/pair/{tool}/{name}")
async def pair(request, tool, name):
    results = await asyncio.gather(*(tools.call("shop", tool + end, order=name) for end in ("", "-2")))
    await note(name)
    return results

@app.post("/same/{tool}/{name}")
async def same(request, tool, name):
    return [await tools.call("shop", tool, order=name) for _ in range(2)]

@app.post("/fails-once/{tool}/{name}")
async def fails_once(request, tool, name):
    result = await tools.call("shop", tool, order=name)
    if not seen:
        seen.append(name)
        raise LookupError("secret")
    return result

@app.post("/moods/{tool}/{name}")
async def moods(request, tool, name):
    seen.append(name)
    await tools.call("shop", tool, order=name + str(len(seen)))
    raise LookupError

@app.post("/forgets/{tool}/{name}")
async def forgets(request, tool, name):
    seen.append(name)
    if len(seen) == 1:
        await tools.call("shop", tool, order=name)
        raise LookupError
    return "nothing called"

@app.post("/late/{tool}/{name}")
async def late(request, tool, name):
    seen.append(name)
    n = await state.get("n", 0)
    await state.put("n", n + 1)
    if len(seen) == 1:
        await asyncio.sleep(0.05)
        return "not stored"
    await tools.call("shop", tool, order=name)
    return Response("again", status=503) if len(seen) == 2 else "done"

@app.post("/breaks/{tool}/{name}")
async def breaks(request, tool, name):
    yield await tools.call("shop", tool, order=name)
    raise LookupError

@app.post("/count")
async def other(request):
    await count()

@app.post("/backup/{tool}/{name}")
async def backup(request, tool, name):
    try:
        return await tools.call("shop", tool, order=name)
    except ToolError:
        result = await tools.call("shop", tool + "-2", order=name)
    if not seen:
        seen.append(name)
        raise LookupError
    return result

@app.get("/t")
async def table(request):
    await state.sql("CREATE TABLE IF NOT EXISTS t (name)")
    return sorted(row[0] for row in await state.sql("SELECT name FROM t"))
"""

CALLS = {"one": 1, "two": 2, "pair": 2}
