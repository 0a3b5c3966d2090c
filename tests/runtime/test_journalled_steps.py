# SPDX-License-Identifier: Apache-2.0
"""A request with a key asks each tool once, whatever kills, repeats and a broken outside do to it."""

import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import aiohttp
import pytest

from genapps_runtime.serve.messages import Body, Exchange, Request, Streamed
from genapps_runtime.state import journal
from tests.runtime.fake_gateway import FakeGateway
from tests.runtime.harness import Pod, until
from tests.runtime.journalled_app import SOURCE
from tests.runtime.outside_world import Connector, Process
from tests.runtime.telling_language import TellingLanguage


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
    connector.next.append(behaviour)
    assert (await world.call("/one/keyed/a", "k")).code == "PartiallyDone", "lost again"
    assert (await world.call("/one/keyed/a", "k")).body == "keyed a"
    assert connector.effects[("keyed", "a")] == 1
    assert connector.effects[("plain", "a")] == (1 if behaviour.endswith("after") else 0)


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
    gateway.answers["shop"] = (200, {"result": "paid"})
    gateway.on_call = kill
    with pytest.raises(aiohttp.ClientError):
        await pod.call("POST", "/one/keyed/a", headers={"Idempotency-Key": "k"})
    gateway.on_call = None
    answers = [await pod.call("POST", "/one/keyed/a", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.body for answer in answers] == [b"paid", b"paid"]
    assert ["idempotent-replayed" in answer.headers for answer in answers] == [False, True]
    first, second = gateway.calls
    assert second == {**first, "repeated": True, "millisLeft": second["millisLeft"]}
    assert (await pod.call("GET", "/t")).json() == ["a"]


def deque_of(*behaviours: str) -> "deque[str]":
    return deque(behaviours)
