# SPDX-License-Identifier: Apache-2.0
"""What the platform gives to apps of every language, an app that is a component gets too."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from genapps_runtime.config import ScheduleRule
from genapps_runtime.guest.component.language import ComponentLanguage
from genapps_runtime.guest.component.machine_code import CompileLimits, MachineCode
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.listening import listening_socket
from genapps_runtime.serve.background.entries import EntryFile
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.schedules.marks import MarkFile
from genapps_runtime.serve.schedules.scheduler import Scheduler
from tests.runtime import streaming_world, tenants_world
from tests.runtime.component.scripted import ASK, HEAD, SPIN, TELL, TRAP, app
from tests.runtime.harness import until
from tests.runtime.keyed_world import KeyedWorld
from tests.runtime.lanes_world import Asked, LanesWorld
from tests.runtime.scripted_gateway import ScriptedGateway, refused
from tests.runtime.telling_language import TellingLanguage

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 2**20
COUNTS = "CREATE TABLE IF NOT EXISTS counts (n INTEGER PRIMARY KEY)"
ADDS = "INSERT INTO counts DEFAULT VALUES RETURNING n"


def call(number: int, **of: Any) -> str:
    return json.dumps({"calls": [{"id": number, **of}]})


def sql(number: int, text: str) -> str:
    return f"sql\0{number}\0[]\0{text}"


def tool(number: int, connector: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "tool": {"connector": connector, "tool": "latest", "arguments": {"n": 1}, **more}}


APP = app(
    {
        "/count": sql(71, COUNTS),
        "\00071": sql(72, ADDS),
        "\00072\0": TELL,
        "/spin": SPIN,
        "/trap": TRAP,
        "/wait": call(73, timer={"millis": 60_000}),
        "/tool": json.dumps({"calls": [tool(74, "rates")]}),
        "/pieces": json.dumps({"calls": [tool(74, "llm", stream=True)]}),
        '"74":': TELL,
        "/stream": call(75, stream={"status": 200, "headers": [["content-type", "text/plain"]], "writes": []}),
        '"75":{"ok":true}': call(76, send={"text": "one "}),
        "\00076": call(77, send={"text": "two"}),
        "\00077": '{"end":{"writes":[["streamed","1"]]}}',
        "/emit": '{"emit":{"text":"a body "}}',
        '"results":{}': f"{HEAD}in pieces",
        "/ask-tool": f"{ASK}{json.dumps(tool(0, 'rates'))}",
        "/ask-sql": f"{ASK}sql\0000\0[]\0SELECT 6 * 7",
        "/ask-memory": f"{ASK}mem\0000\0open\0000",
        "/ask-noise": f"{ASK}nonsense",
    }
)
"""Each path does one thing; results are told by the number of their call."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def component(tmp_path_factory: pytest.TempPathFactory) -> TellingLanguage:
    folder = str(tmp_path_factory.mktemp("component"))
    code = MachineCode(folder, Heartbeat(), CompileLimits.in_pod(64 * MIB, 1, 20, 60.0))
    return cast("TellingLanguage", ComponentLanguage(await code.of("app.wasm", APP)))


Worlds = Callable[..., LanesWorld]


@pytest_asyncio.fixture(loop_scope="module")
async def worlds(component: TellingLanguage, tmp_path: Path) -> AsyncIterator[Worlds]:
    """Makes apps whose state is in one folder."""
    made: list[LanesWorld] = []
    (tmp_path / "facets").mkdir()

    def make(**changes: Any) -> LanesWorld:
        made.append(LanesWorld(component, tmp_path / "facets", **changes))
        return made[-1]

    yield make
    for world in made:
        await world.close()


async def ask(world: LanesWorld, path: str, method: str = "GET") -> Asked:
    asked = world.ask(path, method)
    await world.answered(asked)
    return asked


def body(asked: Asked) -> str:
    assert asked.reply is not None
    return asked.reply.body.decode()


def number(text: str) -> int:
    """The number that was added, as the result of SQL tells it."""
    return int(json.loads(text)[1][0][0])


async def counted(world: LanesWorld) -> int:
    return number(body(await ask(world, "/count", "POST")))


async def test_a_schedule_asks_it_and_the_state_changes_once(worlds: Worlds, tmp_path: Path) -> None:
    world, now = worlds(), 1_764_417_600.0
    rule = ScheduleRule("nightly", "0 * * * *", "UTC", "/count", "RunOnce")
    for _ in range(2):
        for _ in range(2):
            scheduler = Scheduler((rule,), MarkFile(str(tmp_path)), world.app.submit, 86_400, lambda: now)  # noqa: B023
            await scheduler.begin()
            scheduler.admit(True)
            await until(lambda: not scheduler.busy)  # noqa: B023
            await scheduler.drain(0)
        now += 3600
    assert await counted(world) == 2


async def test_it_runs_in_the_background(worlds: Worlds, tmp_path: Path) -> None:
    world = worlds(entries=EntryFile.open(str(tmp_path)), background=True)
    assert world.app.queue is not None
    await world.app.queue.recover()
    world.app.queue.admit(True)
    accepted = (await ask(world, "/count", "POST")).reply
    assert accepted is not None
    assert accepted.status == 202
    await until(lambda: world.app.idle_since is not None)
    location = dict(accepted.headers)[b"location"].decode()
    assert (await ask(world, location)).answer["state"] == "Succeeded"
    assert number(body(await ask(world, f"{location}/result"))) == 1
    await world.app.queue.drain(0)


async def test_others_are_answered_while_an_instance_computes(worlds: Worlds) -> None:
    world = worlds(limits={"instances": 2}, time={"actionMillis": 1000})
    spins = world.ask("/spin")
    await world.computing(1)
    assert await counted(world) == 1
    assert spins.reply is None
    await world.answered(spins)
    assert spins.code == "ActionTimeout"
    assert await counted(world) == 2


async def test_each_action_of_high_risk_has_an_instance_of_its_own(worlds: Worlds) -> None:
    world = worlds(fresh=True, limits={"instances": 2})
    asked = [world.ask("/count", "POST") for _ in range(6)]
    await world.answered(*asked)
    assert sorted(number(body(one)) for one in asked) == [1, 2, 3, 4, 5, 6]
    assert world.live == 0


async def test_tenants_have_states_and_instances_apart(component: TellingLanguage) -> None:
    world = tenants_world.World(component, "")
    for tenant, wanted in (("ada", 1), ("bob", 1), ("ada", 2)):
        assert number((await world.ask("POST", "/count", tenant)).body.decode()) == wanted
    assert world.live() == ["ada", "bob"]
    assert (await world.ask("GET", "/trap", "bob")).status == 502
    assert number((await world.ask("POST", "/count", "ada")).body.decode()) == 3
    await world.close()


async def test_a_key_changes_the_state_once_over_kills(component: TellingLanguage, tmp_path: Path) -> None:
    world = KeyedWorld(component, tmp_path / "first", "")
    first, second = await world.call("/count", "k"), await world.call("/count", "k")
    assert (second.replayed, second.body) == (True, first.body)
    world = await world.killed(tmp_path / "second")
    third = await world.call("/count", "k")
    assert (third.replayed, third.body) == (True, first.body)
    assert (await world.call("/count", "other")).body != first.body
    await world.close()


async def test_a_body_leaves_piece_by_piece(component: TellingLanguage, tmp_path: Path) -> None:
    world = streaming_world.World(component, tmp_path, "", HttpLimits(MIB))
    with listening_socket("127.0.0.1", 0) as port:
        world.open(port)
        caller = await world.connect()
        caller.ask("/stream")
        status, fields = await caller.head()
        assert (status, fields["transfer-encoding"]) == (200, "chunked")
        assert [await caller.chunk() for _ in range(3)] == [b"one ", b"two", b""]
        assert (await caller.got("/emit"))[2] == b"a body in pieces"
        await world.close()


@pytest.mark.parametrize(("path", "why"), [("/trap", "trap"), ("/wait", "timeout"), ("/spin", "timeout")])
async def test_its_own_fallback_answers_in_its_place(worlds: Worlds, path: str, why: str) -> None:
    declared = {"static": None, "lastGood": False, "export": True}
    world = worlds(fallback=declared, gateway=ScriptedGateway(), time={"actionMillis": 100})
    asked = await ask(world, path)
    assert asked.reply is not None
    assert (asked.reply.status, body(asked)) == (200, "in its place")
    assert (b"genapps-fallback", why.encode()) in asked.reply.headers


async def test_connectors_answer_and_what_is_not_granted_is_told(worlds: Worlds) -> None:
    gateway = ScriptedGateway(pieces={"llm": [[{"text": "a"}], None]})
    world = worlds(gateway=gateway)
    assert '{"ok":["latest",{"n":1}]}' in body(await ask(world, "/tool"))
    assert body(await ask(world, "/ask-tool")) == '=["latest",{"n":1}]'
    assert '{"text":"a"}' in body(await ask(world, "/pieces"))
    gateway.answers["rates"] = lambda _payload: refused("ConnectorNotInEnvelope")
    for path in ("/tool", "/ask-tool"):
        assert "ConnectorNotInEnvelope" in body(await ask(world, path))
        assert "not for you" in body(await ask(world, path))


async def test_the_host_answers_inside_a_call(worlds: Worlds) -> None:
    world = worlds(gateway=ScriptedGateway())
    found = [body(await ask(world, path)) for path in ("/ask-sql", "/ask-memory", "/ask-noise")]
    assert found[0].startswith('=[["6 * 7"],[[42]]')
    assert found[1].startswith("=")
    assert "CallInvalid" in found[2]


async def test_many_at_once_count_exactly(worlds: Worlds) -> None:
    world = worlds()
    asked = [world.ask("/count", "POST") for _ in range(24)]
    await world.answered(*asked)
    assert sorted(number(body(one)) for one in asked) == list(range(1, 25))
    await asyncio.sleep(0)
    assert await counted(world) == 25
