import asyncio

from genapps import ToolError, app, tools

SOURCES = ["crm", "billing", "tickets"]


async def ask(source, customer):
    try:
        async with asyncio.timeout(0.5):
            return await tools.call(source, "find", customer=customer)
    except TimeoutError:
        return {"error": "timeout"}
    except ToolError as e:
        return {"error": e.code}


@app.get("/customers/{customer}")
async def overview(request, customer):
    async with asyncio.TaskGroup() as group:
        tasks = {source: group.create_task(ask(source, customer)) for source in SOURCES}
    return {source: task.result() for source, task in tasks.items()}


@app.get("/first/{customer}")
async def first(request, customer):
    tasks = [asyncio.create_task(tools.call(source, "find", {"customer": customer})) for source in SOURCES[:2]]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=2)
    for task in pending:
        task.cancel()
    return {"answers": len(done) >= 1}


@app.get("/slow")
async def slow(request):
    try:
        await asyncio.wait_for(asyncio.sleep(30), timeout=0.05)
    except asyncio.TimeoutError:
        return {"error": "too slow"}, 504


@app.get("/order")
async def order(request):
    seen = []

    async def work(name, seconds):
        await asyncio.sleep(seconds)
        seen.append(name)
        return name

    results = await asyncio.gather(work("b", 0.04), work("a", 0.01), return_exceptions=True)
    return {"seen": seen, "results": results}
