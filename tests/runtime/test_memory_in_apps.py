# SPDX-License-Identifier: Apache-2.0
"""Apps with a database in memory: each instance has its own, requests share it, and nobody else reaches it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.runtime.lanes_world import Asked, LanesWorld
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
import asyncio, os, sqlite3, typing
from genapps import app, state

host = typing.sys.modules["genapps.logs"].host
INSTANCE = os.urandom(8).hex()
db = sqlite3.connect(":memory:")
db.executescript("CREATE TABLE t (v); INSERT INTO t VALUES ('loaded')")
kept = []

def compute(times):
    while host.now_millis() < int(times):
        pass

@app.get("/rows")
def rows(request):
    return [INSTANCE, [v for (v,) in db.execute("SELECT v FROM t")], db.in_transaction]

@app.get("/add/{v}")
def add(request, v):
    with db:
        db.execute("INSERT INTO t VALUES (?)", (v,))

@app.get("/add-and-fail")
def add_and_fail(request):
    with db:
        db.execute("INSERT INTO t VALUES ('stays')")
    db.execute("INSERT INTO t VALUES ('open')")
    1 / 0

@app.get("/both")
def both(request):
    with db:
        db.execute("INSERT INTO t VALUES ('both')")
        state.sql_sync("CREATE TABLE IF NOT EXISTS own (a)")
    state.sql_sync("INSERT INTO own VALUES (1)")
    return state.sql_sync("SELECT count(*) FROM own")[0][0]

@app.get("/rows-after/{times}")
def rows_after(request, times):
    compute(times)
    return rows(request)

@app.get("/cleans-up")
async def cleans_up(request):
    with db:
        db.execute("INSERT INTO t VALUES ('never')")
        await asyncio.sleep(30)

@app.get("/loop")
def loop(request):
    while True:
        pass

@app.get("/connects")
def connects(request):
    made, refused = [], ""
    for _ in range(1000):
        try:
            made.append(sqlite3.connect(":memory:"))
        except sqlite3.OperationalError as error:
            refused = str(error)
    kept.extend(made)
    return [len(made), refused]

@app.get("/circles")
def circles(request):
    for _ in range(30):
        one = sqlite3.connect(":memory:")
        one.itself = one
        one.execute("CREATE TABLE t (a)")
    return "done"

@app.get("/bomb")
def bomb(request):
    kept.append(sqlite3.connect(":memory:"))
    kept[-1].execute("CREATE TABLE t (v)")
    while True:
        kept[-1].execute("INSERT INTO t VALUES (zeroblob(100000))")

@app.get("/forged")
def forged(request):
    found = [host.answer(f"mem\\0{number}\\0" + "0\\0[]\\0SELECT v FROM t") for number in range(2, 200)]
    found += [host.answer(f"mem\\0{number}\\0close\\0" + "0") for number in range(2, 200)]
    return sorted({answer[:1] for answer in found})

@app.get("/endless")
def endless(request):
    try:
        db.execute("WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r")
    except sqlite3.OperationalError as error:
        return str(error)
"""

Worlds = Callable[..., LanesWorld]


@pytest.fixture
async def worlds(telling_language: TellingLanguage, tmp_path: Path) -> AsyncIterator[Worlds]:
    made: list[LanesWorld] = []

    def make(instances: int = 1, *, fresh: bool = False, millis: int = 60_000) -> LanesWorld:
        limits, time = {"instances": instances}, {"actionMillis": millis}
        made.append(LanesWorld(telling_language, tmp_path, SOURCE, fresh=fresh, limits=limits, time=time))
        return made[-1]

    yield make
    for world in made:
        await world.close()


async def ask(world: LanesWorld, path: str) -> Asked:
    asked = world.ask(path)
    await world.answered(asked)
    return asked


async def test_requests_of_an_instance_share_it_and_no_request_is_its_transaction(worlds: Worlds) -> None:
    world = worlds()
    await ask(world, "/add/a")
    assert (await ask(world, "/add-and-fail")).code == "AppFailed"
    _, found, in_transaction = (await ask(world, "/rows")).answer
    assert (found, in_transaction) == (["loaded", "a", "stays", "open"], True)


async def test_a_request_that_begins_again_has_written_in_memory_before(worlds: Worlds) -> None:
    world = worlds()
    assert (await ask(world, "/both")).answer == 1
    # The first attempt ended inside `with db`, which rolled back; it is the second that is kept.
    assert (await ask(world, "/rows")).answer[1:] == [["loaded", "both"], False]


async def test_each_instance_has_its_own_and_fills_it_when_it_loads(worlds: Worlds) -> None:
    world = worlds(2)
    await ask(world, "/add/first")
    first = world.ask("/rows-after/1")
    await world.computing(1)
    second = (await ask(world, "/rows")).answer
    world.language.tell()
    await world.answered(first)
    assert first.answer[1:] == [["loaded", "first"], False]
    assert second[1:] == [["loaded"], False]
    assert second[0] != first.answer[0]


async def test_it_is_lost_with_its_instance(worlds: Worlds) -> None:
    world = worlds(millis=700)
    await ask(world, "/add/a")
    assert (await ask(world, "/loop")).code == "ActionTimeout"
    assert (await ask(world, "/rows")).answer[1] == ["loaded"]


async def test_an_app_of_high_risk_has_a_new_one_in_each_request(worlds: Worlds) -> None:
    world = worlds(fresh=True)
    await ask(world, "/add/a")
    assert (await ask(world, "/rows")).answer[1] == ["loaded"]


async def test_code_that_cleans_up_after_its_caller_has_gone_can_roll_back(worlds: Worlds) -> None:
    world = worlds(millis=300)
    assert (await ask(world, "/cleans-up")).code == "ActionTimeout"
    assert (await ask(world, "/rows")).answer[1:] == [["loaded"], False]


async def test_hostile_use_is_bounded_and_the_app_lives(worlds: Worlds) -> None:
    world, other = worlds(), worlds()
    await ask(other, "/add/of-another")
    assert (await ask(world, "/endless")).answer.startswith("the statement took more than 20 ms")
    assert (await ask(world, "/circles")).answer == "done"
    assert (await ask(world, "/forged")).answer == ["!", "-"]
    assert (await ask(world, "/bomb")).code == "AppFailed"
    made, refused = (await ask(world, "/connects")).answer
    assert made == 6
    assert refused.startswith("an instance of the app may have 8 databases in memory at once")
    for one, found in ((world, ["loaded"]), (other, ["loaded", "of-another"])):
        assert (await ask(one, "/rows")).answer[1] == found
        assert (await ask(one, "/both")).reply is not None
