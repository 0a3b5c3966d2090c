"""A poll whose results a page follows live with EventSource."""

import asyncio

from genapps import BadRequest, app, events, html, state

OPTIONS = ("pizza", "salad", "soup")


async def results():
    return {option: await state.get(f"votes/{option}", 0) for option in OPTIONS}


@app.get("/")
async def page(request):
    return html(
        "<h1>Lunch</h1><pre id=out></pre>"
        "<script>new EventSource('/live').onmessage = e => out.textContent = e.data</script>"
    )


@app.post("/votes/{option}")
async def vote(request, option):
    if option not in OPTIONS:
        raise BadRequest(f"choose one of {', '.join(OPTIONS)}")
    await state.put(f"votes/{option}", await state.get(f"votes/{option}", 0) + 1)
    return await results(), 201


@app.get("/live")
async def live(request):
    """An event for each change, numbered by the votes, for some seconds: the browser then asks again."""
    seen = int(request.headers.get("last-event-id", -1))
    rounds = int(request.query.get("rounds", 40))

    async def changes():
        nonlocal seen
        for number in range(rounds):
            if number:
                await asyncio.sleep(0.1)
            found = await results()
            if sum(found.values()) != seen:
                seen = sum(found.values())
                yield {"id": seen, "data": found, "retry": 1000}

    return events(changes())


@app.get("/export.csv")
async def export(request):
    yield "option,votes\n"
    for option, votes in (await results()).items():
        yield f"{option},{votes}\n"
