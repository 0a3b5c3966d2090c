# SPDX-License-Identifier: Apache-2.0
"""An app whose handlers call tools without await, and what its tests ask of it."""

from collections.abc import Callable
from typing import Any

from tests.runtime.lanes_world import LanesWorld

SOURCE = r"""
import asyncio, os, random, secrets, sqlite3, time, typing, uuid
from genapps import ToolError, app, log, state, tools

host = typing.sys.modules["genapps.logs"].host
runs = []
db = sqlite3.connect("app.db")

def application_error(error):
    return [error.code, error.cls, error.detail]

@app.get("/calls/{number}")
def calls(request, number):
    log.info("begun")
    return [tools.call_sync("crm", f"find-{one}", number=one) for one in range(int(number))]

@app.get("/same/{number}")
def same(request, number):
    return [tools.call_sync("crm", "next") for one in range(int(number))]

@app.get("/chance")
def chance(request):
    drawn = [random.random(), str(uuid.uuid4()), secrets.token_hex(8), time.time(), os.urandom(3).hex()]
    first = tools.call_sync("crm", "first", drawn=drawn)
    drawn += [random.randrange(10**9), time.time_ns(), random.random()]
    tools.call_sync("crm", "second", drawn=drawn)
    return drawn

@app.get("/many-clocks")
def many_clocks(request):
    for _ in range(2000):
        last = time.time_ns()
    tools.call_sync("crm", "first", stamp=time.time_ns() - last < 0)
    return "told"

@app.get("/value/{kind}")
def value(request, kind):
    return [tools.call_sync(kind, "give")]

@app.get("/caught")
def caught(request):
    found = []
    for number in range(3):
        try:
            tools.call_sync("payroll", "list", number=number)
        except ToolError as error:
            found.append(error.code)
    return found

@app.get("/uncaught")
def uncaught(request):
    tools.call_sync("payroll", "list")

@app.get("/fan-out")
def fan_out(request):
    found = []
    while len(found) < 50:
        try:
            found.append(tools.call_sync("crm", f"find-{len(found)}")[0])
        except ToolError as error:
            found.append(error.code)
    return found[:10]

@app.get("/diverges")
def diverges(request):
    runs.append(1)
    tools.call_sync("crm", f"run-{len(runs)}")

@app.get("/swaps")
def swaps(request):
    runs.append(1)
    names = ["a", "b", "c"] if len(runs) < 3 else ["b", "a", "c"]
    return [tools.call_sync("crm", name)[0] for name in names]

@app.get("/leaves-out")
def leaves_out(request):
    runs.append(1)
    if len(runs) == 1:
        tools.call_sync("crm", "only-once")
    return "done"

@app.get("/swallow")
def swallow(request):
    try:
        return tools.call_sync("crm", "find")[0]
    except BaseException:
        state.put_sync("swallowed", True)
        return "swallowed"

@app.get("/swallow-and-loop")
def swallow_and_loop(request):
    while True:
        try:
            return tools.call_sync("crm", "find")[0]
        except BaseException:
            pass

@app.get("/count")
@app.post("/count")
def count(request):
    number = state.get_sync("n", 0)
    tools.call_sync("crm", "find", seen=number)
    again = state.get_sync("n", 0)
    state.put_sync("n", number + 1)
    return [number, again]

@app.get("/put/{number}")
def put(request, number):
    state.put_sync("n", int(number))

@app.get("/n")
def get(request):
    return state.get_sync("n", 0)

@app.get("/make")
def make(request):
    db.execute("CREATE TABLE IF NOT EXISTS t (name TEXT)")

@app.post("/tool-then-row")
@app.get("/tool-then-row")
def tool_then_row(request):
    rows = db.execute("SELECT count(*) FROM t").fetchone()[0]
    name = tools.call_sync("crm", "name", rows=rows)[0]
    with db:
        db.execute("INSERT INTO t VALUES (?)", (name,))
    return rows

@app.get("/row-then-tool")
def row_then_tool(request):
    db.execute("INSERT INTO t VALUES ('early')")
    try:
        tools.call_sync("crm", "name")
    except ToolError as error:
        return application_error(error)

@app.get("/row")
def row(request):
    db.execute("INSERT INTO t VALUES ('other')")

@app.get("/rows")
def rows(request):
    return [name for name, in db.execute("SELECT name FROM t ORDER BY name")]

@app.get("/mixed")
async def mixed(request):
    first = await tools.call("crm", "first", id=str(uuid.uuid4()))
    second = tools.call_sync("crm", "second", id=random.random())
    third = await asyncio.gather(tools.call("crm", "third"), tools.call("crm", "fourth"))
    return [first[0], second[0], *[one[0] for one in third], tools.call_sync("crm", "fifth")[0]]

@app.get("/beside")
async def beside(request):
    task = asyncio.create_task(tools.call("crm", "slow"))
    await asyncio.sleep(0.001)
    try:
        tools.call_sync("crm", "quick")
    except ToolError as error:
        return [*application_error(error), (await task)[0]]

@app.get("/given-up")
async def given_up(request):
    task = asyncio.create_task(tools.call("hold", "slow"))
    await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.001)
    try:
        tools.call_sync("crm", "quick")
    except ToolError as error:
        return application_error(error)

@app.get("/deep/{levels}")
def deep(request, levels):
    value = []
    for _ in range(int(levels)):
        value = [value]
    try:
        return tools.call_sync("crm", "deep", value=value)[0]
    except ToolError as error:
        return error.code

@app.get("/raw/{number}")
def raw(request, number):
    return host.answer([
        '{"id":1,"tool":{"connector":"a","tool":"b","arguments":{}}}', '{"id":0,"tool":{"connector":"a","tool":"b"}}',
        '{"id":0,"tool":{"connector":1,"tool":"b","arguments":{}}}',
        '{"id":0,"tool":{"connector":"a","tool":"b","arguments":[]}}',
    ][int(number)])

@app.get("/out-of-memory")
def out_of_memory(request):
    tools.call_sync("crm", "before")
    raise MemoryError

@app.get("/break/{number}")
def breaks(request, number):
    tools.call_sync("crm", "before")
    if number == "1":
        typing.sys.modules["_signal"].raise_signal(6)
    raise LookupError

@app.get("/compute/{times}")
def compute(request, times):
    before = tools.call_sync("crm", "before")[0]
    while host.now_millis() < int(times):
        pass
    return [before, tools.call_sync("crm", "after")[0]]

class Late:
    def __del__(self):
        tools.call_sync("crm", "late")

@app.get("/destructor")
def destructor(request):
    Late()
    return "deleted"
"""

Worlds = Callable[..., LanesWorld]


async def value(world: LanesWorld, path: str, method: str = "GET") -> Any:
    asked = world.ask(path, method)
    await world.answered(asked)
    return asked.answer


async def problem(world: LanesWorld, path: str) -> str:
    asked = world.ask(path)
    await world.answered(asked)
    return asked.code
