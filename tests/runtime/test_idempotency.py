# SPDX-License-Identifier: Apache-2.0
"""A request with an Idempotency-Key changes the state once, whatever repeats, conflicts and kills do to it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genapps_runtime.serve.fallback.execution import ExecutionBreaker
from genapps_runtime.serve.messages import BACKGROUND, Answer, Exchange, Request
from tests.runtime.harness import Pod, until
from tests.runtime.keyed_world import KeyedWorld, Sent
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
import asyncio
from genapps import Response, app, state

async def step():
    n = await state.get("n", 0) + 1
    await state.put("n", n)
    return n

@app.post("/key/{name}")
async def key(request, name):
    return [name, await step()]

@app.post("/sql/{name}")
async def sql(request, name):
    await state.sql("CREATE TABLE IF NOT EXISTS t (name)")
    await state.sql("INSERT INTO t VALUES (?)", name)
    return [name, await step()]

@app.post("/wait/{name}")
async def wait(request, name):
    n = await step()
    await asyncio.sleep(0.001)
    return [name, n]

@app.post("/body/{name}")
async def body(request, name):
    return [name, len(await request.body())]

@app.post("/status/{status}")
@app.get("/status/{status}")
async def status(request, status):
    return Response(str(await step()), status=int(status))

@app.post("/fail")
async def fail(request):
    await step()
    raise LookupError

@app.get("/n")
async def n(request):
    return await state.get("n", 0)
"""


@pytest.fixture
async def world(telling_language: TellingLanguage, tmp_path: Path) -> AsyncIterator[KeyedWorld]:
    directory = tmp_path / "state"
    directory.mkdir()
    made = KeyedWorld(telling_language, directory, SOURCE)
    yield made
    await made.close()


async def counted(world: KeyedWorld) -> int:
    return int((await world.call("/n", method="GET")).body)


@pytest.mark.parametrize("path", ["/key/a", "/sql/a", "/wait/a"])
async def test_a_repeat_gets_the_first_answer_and_changes_nothing(world: KeyedWorld, path: str) -> None:
    for _ in range(2):  # the second time the path is known to write by SQL, and has its turn from the beginning
        first = [await world.call(path, f"k{number}") for number in range(3)]
        repeats = [await world.call(path, f"k{number}") for number in range(3)]
        assert [one.body for one in repeats] == [one.body for one in first]
        assert all(one.replayed for one in repeats)
    assert await counted(world) == 3


async def test_an_action_without_writes_is_remembered_too(world: KeyedWorld) -> None:
    first, repeat = await world.call("/body/a", "k", b"xx"), await world.call("/body/a", "k", b"xx")
    assert (first.body, first.replayed, repeat.body, repeat.replayed) == (["a", 2], False, ["a", 2], True)
    other = await world.call("/body/a", "k", b"xxx")
    assert (other.status, other.code) == (422, "KeyReused")


async def test_a_repeat_that_comes_too_early_is_told_to_wait(world: KeyedWorld) -> None:
    first, second, third = (world.send("/wait/a", "k"), world.send("/wait/a", "k"), world.send("/wait/a", "k", b"x"))
    await until(lambda: None not in (first.reply, second.reply, third.reply))
    assert first.body == ["a", 1]
    assert (second.status, second.code, third.status) == (409, "RequestRunning", 422)
    assert second.reply is not None
    assert (b"retry-after", b"1") in second.reply.headers
    assert (await world.call("/wait/a", "k")).replayed


async def test_work_that_its_key_keeps_from_running_has_not_begun(world: KeyedWorld) -> None:
    async def work() -> tuple[str, bool]:
        replies: list[Answer] = []
        request = Request("k", "POST", "/wait/a", "", [], b"", "k")
        exchange = Exchange(request, 0.0, replies.append, internal=BACKGROUND)
        world.app.submit(exchange)
        await until(lambda: bool(replies))
        return exchange.code, exchange.tried

    first = world.send("/wait/a", "k")
    assert await work() == ("RequestRunning", False)
    await until(lambda: first.reply is not None)
    assert await work() == ("replayed", True)


async def test_conflicting_requests_with_keys_are_each_counted_once(world: KeyedWorld) -> None:
    sent = [world.send(f"/{kind}/{number}", f"k{number}") for number in range(8) for kind in ("key", "sql", "wait")]
    await until(lambda: all(one.reply is not None for one in sent))
    assert sorted(one.body[1] for one in sent) == list(range(1, 25))
    assert await counted(world) == 24
    again = [await world.call(one.exchange.request.path, one.exchange.request.key) for one in sent]
    assert [one.body for one in again] == [one.body for one in sent]
    assert await counted(world) == 24


@pytest.mark.parametrize(("path", "kept"), [("/status/404", True), ("/status/503", False), ("/status/429", False)])
async def test_the_apps_own_refusal_is_kept_unless_it_says_try_again(world: KeyedWorld, path: str, kept: bool) -> None:
    await world.call(path, "k")
    assert (await world.call(path, "k")).replayed is kept
    assert await counted(world) == (1 if kept else 2)


async def test_a_repeat_tells_the_breaker_nothing(world: KeyedWorld) -> None:
    breaker = cast("ExecutionBreaker", world.app._breaker)._breaker
    await world.call("/key/a", "k")
    before = breaker.window
    assert (await world.call("/key/a", "k")).replayed
    assert breaker.window == before == (1, 0)


async def test_a_failed_action_leaves_nothing_and_runs_again(world: KeyedWorld) -> None:
    for _ in range(2):
        failed = await world.call("/fail", "k")
        assert (failed.code, failed.replayed) == ("AppFailed", False)
    assert await counted(world) == 0
    assert world.facet.figures.kept.marks == 0
    assert not world.facet.running


async def test_a_get_with_a_key_is_not_stored(world: KeyedWorld) -> None:
    first = await world.call("/status/200", method="GET")
    assert first.status == 200
    assert world.facet.figures.kept.marks == 0


KINDS = st.sampled_from(["key", "sql", "wait"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), KINDS, st.integers(0, 3)),
        st.tuples(st.just("settle"), st.none(), st.none()),
        st.tuples(st.just("kill"), st.none(), st.integers(0, 12)),
    ),
    min_size=2,
    max_size=14,
)


class History:
    """Requests with few keys, sent again and again; `answers` are the app's own ones by path."""

    def __init__(self, world: KeyedWorld, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.asked: set[str] = set()
        self.answers: dict[str, list[Any]] = {}
        self.open: list[Sent] = []
        self.kills = 0

    def send(self, path: str) -> None:
        self.asked.add(path)
        self.open.append(self.world.send(path, "k" + path[-1]))

    def look(self) -> None:
        """Compare all that was answered with what was answered before."""
        for sent in [sent for sent in self.open if sent.reply is not None]:
            self.open.remove(sent)
            if sent.status == 200:
                path = sent.exchange.request.path
                assert self.answers.setdefault(path, sent.body) == sent.body
            else:
                assert sent.code in ("RequestRunning", "Busy", "StateConflict")

    async def settle(self) -> None:
        await until(lambda: all(sent.reply is not None for sent in self.open))
        self.look()

    async def kill(self, after: int) -> None:
        for _ in range(after):
            await asyncio.sleep(0)
        self.look()
        self.kills += 1
        self.open = []
        self.world = await self.world.killed(self.folder / str(self.kills))

    async def end(self) -> None:
        """Ask until each request has its answer: each has then changed the state once."""
        await self.settle()
        for path in sorted(self.asked):
            self.send(path)
            await self.settle()
            assert path in self.answers
        assert sorted(number for _, number in self.answers.values()) == list(range(1, len(self.asked) + 1))
        assert await counted(self.world) == len(self.asked)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_every_history_of_repeats_and_kills_counts_each_request_once(
    telling_language: TellingLanguage, steps: list[tuple[str, str | None, int | None]]
) -> None:
    async def run(folder: Path) -> None:
        (folder / "0").mkdir()
        history = History(KeyedWorld(telling_language, folder / "0", SOURCE), folder)
        try:
            for step, kind, number in steps:
                if step == "send":
                    history.send(f"/{kind}/{number}")
                elif step == "settle":
                    await history.settle()
                else:
                    await history.kill(number or 0)
            await history.end()
        finally:
            await history.world.close()

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_a_killed_worker_has_stored_answers_and_state_or_neither(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    first = await pod.call("POST", "/sql/a", headers={"Idempotency-Key": '"k"'})
    assert first.status == 200
    assert "idempotent-replayed" not in first.headers
    os.kill(pod.worker(), signal.SIGKILL)
    repeat = await pod.call("POST", "/sql/a", headers={"Idempotency-Key": "k"})
    assert (repeat.status, repeat.body, repeat.headers["idempotent-replayed"]) == (200, first.body, "true")
    assert repeat.headers["genapps-request-id"] == "k"
    assert (await pod.call("GET", "/n")).json() == 1
    assert [line.get("replayed", False) for line in pod.log("action") if line["method"] == "POST"] == [False, True]
