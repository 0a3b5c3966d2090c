# SPDX-License-Identifier: Apache-2.0
"""A request with a key asks each tool once, whatever kills, repeats and a broken outside do to it."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import Mock

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genapps_runtime.serve.messages import Body, Exchange, Request, Streamed
from genapps_runtime.state import journal
from tests.runtime.fake_gateway import FakeGateway
from tests.runtime.harness import Pod, until
from tests.runtime.keyed_world import Sent
from tests.runtime.outside_world import BEHAVIOURS, Connector, Process
from tests.runtime.telling_language import TellingLanguage

HISTORIES = int(os.environ.get("GENAPPS_HISTORIES", "20"))
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


@pytest.fixture
async def start(telling_language: TellingLanguage, tmp_path: Path) -> AsyncIterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(connector: Connector, directory: Path | None = None, kill_at: int = 0) -> Process:
        process = Process(telling_language, directory or tmp_path / "state", SOURCE, connector, kill_at)
        started.append(process)
        return process

    yield begin
    for process in started:
        await process.world.close()


async def test_a_failed_request_tells_what_it_has_done_and_a_repeat_does_not_do_it_again(
    start: Callable[..., Process],
) -> None:
    connector = Connector()
    world = start(connector).world
    failed = await world.call("/fails-once/plain/a", "k")
    assert (failed.status, failed.code) == (502, "PartiallyDone")
    assert failed.body["steps"] == [{"step": 1, "connector": "shop", "tool": "plain", "outcome": "done"}]
    assert "secret" not in failed.body["detail"]
    assert (await world.call("/fails-once/plain/a", "k")).body == "plain a"
    assert connector.effects == {("plain", "a"): 1}


async def test_an_answer_that_was_not_stored_is_no_end_of_a_request(start: Callable[..., Process]) -> None:
    """Its first attempt answers and meets a conflict, the second one calls a tool and says: ask again."""
    connector = Connector()
    world = start(connector).world
    late = world.send("/late/plain/a", "k")
    await world.call("/count")
    await until(lambda: late.reply is not None)
    assert late.status == 503
    assert (await world.call("/late/plain/a", "k")).body == "done"
    assert connector.effects == {("plain", "a"): 1}


async def test_an_answer_that_breaks_off_leaves_its_mark_and_no_journal(start: Callable[..., Process]) -> None:
    connector = Connector()
    world = start(connector).world
    body = Mock(spec=Body)
    request = Request("k", "POST", "/breaks/plain/a", "", [], b"", "k")
    world.app.submit(Exchange(request, 0.0, lambda answer: cast("Streamed", answer).attach(body)))
    await until(lambda: body.break_off.called)
    assert world.facet.journal._live_bytes == 0
    assert (await world.call("/breaks/plain/a", "k")).code == "ResponseNotKept"
    assert connector.effects == {("plain", "a"): 1}


async def test_without_a_key_a_failed_request_tells_the_same_and_a_repeat_does_it_again(
    start: Callable[..., Process],
) -> None:
    connector = Connector()
    world = start(connector).world
    failed = await world.call("/fails-once/plain/a")
    assert (failed.code, len(failed.body["steps"])) == ("PartiallyDone", 1)
    assert (await world.call("/fails-once/plain/a")).status == 200
    assert connector.effects == {("plain", "a"): 2}
    assert not (world.directory / "journals").exists()


async def test_a_repeat_that_asks_for_something_else_is_stopped(start: Callable[..., Process]) -> None:
    connector = Connector()
    world = start(connector).world
    assert (await world.call("/moods/plain/a", "k")).code == "PartiallyDone"
    assert (await world.call("/moods/plain/a", "k")).code == "ReplayDiverged"
    assert connector.effects[("plain", "a1")] == 1
    assert ("plain", "a2") not in connector.effects


async def test_a_repeat_that_leaves_a_call_out_is_stopped(start: Callable[..., Process]) -> None:
    connector = Connector()
    world = start(connector).world
    assert (await world.call("/forgets/plain/a", "k")).code == "PartiallyDone"
    diverged = await world.call("/forgets/plain/a", "k")
    assert (diverged.status, diverged.code) == (409, "ReplayDiverged")
    assert connector.effects == {("plain", "a"): 1}


async def test_the_key_of_an_unfinished_request_belongs_to_it(start: Callable[..., Process]) -> None:
    connector = Connector()
    world = start(connector).world
    assert (await world.call("/moods/plain/a", "k")).code == "PartiallyDone"
    assert (await world.call("/moods/plain/a", "k", b"other")).code == "KeyReused"


@pytest.mark.parametrize("behaviour", ["lost before", "lost after", "hangs before", "hangs after"])
async def test_an_unknown_call_is_made_again_only_where_the_tool_takes_it_twice(
    start: Callable[..., Process], behaviour: str
) -> None:
    connector = Connector(next=deque_of(behaviour, behaviour))
    world = start(connector).world
    for tool in ("plain", "keyed"):
        failed = await world.call(f"/one/{tool}/a", "k")
        assert (failed.code, failed.body["steps"][0]["outcome"]) == ("PartiallyDone", "unknown")
    assert (await world.call("/one/plain/a", "k")).code == "OutcomeUnknown"
    assert (await world.call("/one/keyed/a", "k")).body == "keyed a"
    assert connector.effects[("keyed", "a")] == 1
    assert connector.effects[("plain", "a")] == (1 if behaviour.endswith("after") else 0)


async def test_a_repeat_that_is_lost_as_well_can_be_repeated(start: Callable[..., Process]) -> None:
    connector = Connector(next=deque_of("lost before", "lost after"))
    world = start(connector).world
    for _ in range(2):
        assert (await world.call("/one/keyed/a", "k")).code == "PartiallyDone", "nobody has said that it is no use"
    assert (await world.call("/one/keyed/a", "k")).body == "keyed a"
    assert connector.effects == {("keyed", "a"): 1}


async def test_what_was_refused_is_asked_again_by_a_repeat(start: Callable[..., Process]) -> None:
    connector = Connector(next=deque_of("ok", "refused", "refused"))
    world = start(connector).world
    for _ in range(2):
        assert (await world.call("/two/plain/a", "k")).code == "PartiallyDone"
    assert (await world.call("/two/plain/a", "k")).body == ["plain a", "plain-2 a"]
    assert connector.effects == {("plain", "a"): 1, ("plain-2", "a"): 1}


async def test_a_refusal_that_the_app_went_on_after_is_replayed(start: Callable[..., Process]) -> None:
    connector = Connector(next=deque_of("refused"))
    world = start(connector).world
    assert (await world.call("/backup/plain/a", "k")).code == "PartiallyDone"
    assert (await world.call("/backup/plain/a", "k")).body == "plain-2 a"
    assert connector.effects == {("plain-2", "a"): 1}


async def test_the_same_call_twice_in_a_request_is_two_calls(start: Callable[..., Process], tmp_path: Path) -> None:
    connector = Connector(next=deque_of("ok", "lost after"))
    world = start(connector).world
    assert (await world.call("/same/keyed/a", "k")).code == "PartiallyDone"
    assert (await world.call("/same/keyed/a", "k")).body == ["keyed a", "keyed a"]
    assert connector.effects == {("keyed", "a"): 2}


async def test_a_finished_request_leaves_no_journal_behind(start: Callable[..., Process], tmp_path: Path) -> None:
    connector = Connector()
    world = start(connector).world
    assert (await world.call("/one/plain/a", "k")).status == 200
    assert world.facet.journal._live == {}
    after = await world.killed(tmp_path / "after")
    assert after.facet.journal._live == {}
    assert (await after.call("/one/plain/a", "k")).replayed
    await after.close()
    assert connector.effects == {("plain", "a"): 1}


async def test_a_full_journal_refuses_before_the_call(
    start: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = Connector()
    world = start(connector).world
    assert (await world.call("/moods/plain/a", "first")).code == "PartiallyDone"
    monkeypatch.setattr(journal, "LIVE_BYTES", world.facet.journal._live_bytes)
    full = await world.call("/one/plain/b", "second")
    assert (full.status, full.code) == (507, "JournalFull")
    assert connector.effects == {("plain", "a1"): 1}
    assert (await world.call("/one/plain/b")).status == 200  # without a key


async def test_a_process_that_is_killed_during_a_call_asks_again_with_the_same_key(
    pod: Pod, gateway: FakeGateway
) -> None:
    async def kill(_body: dict[str, Any]) -> None:
        os.kill(pod.worker(), signal.SIGKILL)

    pod.write(SOURCE)
    await pod.start()
    gateway.answers["shop"] = (200, {"result": "paid", "credit": None})
    gateway.on_call = kill
    with pytest.raises(aiohttp.ClientError):
        await pod.call("POST", "/one/keyed/a", headers={"Idempotency-Key": "k"})
    gateway.on_call = None
    answers = [await pod.call("POST", "/one/keyed/a", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.body for answer in answers] == [b"paid", b"paid"]
    assert ["idempotent-replayed" in answer.headers for answer in answers] == [False, True]
    first, second = gateway.calls
    assert second == {**first, "repeated": True}
    assert (await pod.call("GET", "/t")).json() == ["a"]


def deque_of(*behaviours: str) -> "deque[str]":
    return deque(behaviours)


REQUESTS = st.tuples(st.sampled_from(list(CALLS)), st.sampled_from(["keyed", "plain"]), st.sampled_from("ab"))
LIVES = st.lists(
    st.tuples(
        st.integers(1, 16),
        st.lists(REQUESTS, min_size=1, max_size=4),
        st.lists(st.sampled_from(BEHAVIOURS), max_size=6),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=3,
)
"""When the process is killed, what it is asked for, how the outside behaves, and how many turns of the loop pass
between two requests."""


class History:
    """Requests over several lives of a process, and what callers were told."""

    def __init__(self, language: TellingLanguage, folder: Path) -> None:
        self.language = language
        self.folder = folder
        self.connector = Connector()
        self.directory = folder / "0"
        self.answers: dict[str, object] = {}
        self.asked: set[str] = set()

    def process(self, kill_at: int = 0) -> Process:
        return Process(self.language, self.directory, SOURCE, self.connector, kill_at)

    async def live(self, number: int, life: tuple[int, list[tuple[str, str, str]], list[str], int]) -> None:
        kill_at, requests, behaviours, turns = life
        self.connector.next = deque(behaviours)
        process = self.process(kill_at)
        sent: list[Sent] = []
        for kind, tool, name in requests:
            path = f"/{kind}/{tool}/{kind}-{name}"
            self.asked.add(path)
            sent.append(process.world.send(path, name))
            for _ in range(turns):
                await asyncio.sleep(0)
        await until(lambda: not process.alive or all(one.reply is not None for one in sent))
        if process.alive:
            for one in sent:
                self.told(one)
            self.connector.next.clear()
        await process.world.close()
        if not process.alive:
            self.directory = process.image.rename(self.folder / str(number))

    def told(self, sent: Sent) -> None:
        path = sent.exchange.request.path
        if sent.status == 200:
            assert self.answers.setdefault(path, sent.body) == sent.body

    async def end(self) -> None:
        """Ask until all is settled, and compare state and outside with what was told."""
        self.connector.next.clear()
        process = self.process()
        world, unknown = process.world, set()
        for path in sorted(self.asked):
            for _ in range(5):
                sent = await world.call(path, path[-1])
                self.told(sent)
                if sent.status == 200 or sent.code == "OutcomeUnknown":
                    break
            else:
                raise AssertionError(f"{path} does not come to an end: {sent.code}")
            _, kind, tool, name = path.split("/")
            done = [self.connector.effects[tool + end, name] for end in ("", "-2")[: CALLS[kind]]]
            if sent.status == 200:
                assert done == [1] * CALLS[kind], path
            else:
                assert tool == "plain"
                assert max(done) <= 1, path
                unknown.add(path)
        names = sorted(path.rpartition("/")[2] for path in self.asked - unknown)
        assert (await world.call("/t", method="GET")).body == names
        await world.close()


@settings(max_examples=HISTORIES, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(LIVES)
def test_state_and_outside_are_as_callers_were_told_whatever_is_killed(
    telling_language: TellingLanguage, lives: list[tuple[int, list[tuple[str, str, str]], list[str], int]]
) -> None:
    async def run(folder: Path) -> None:
        history = History(telling_language, folder)
        for number, life in enumerate(lives, 1):
            await history.live(number, life)
        await history.end()

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
