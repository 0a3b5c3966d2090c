# SPDX-License-Identifier: Apache-2.0
"""Guests whose calls pause while they compute: the same answers, errors and limits, whatever happens between."""

import gc
import json
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from genapps_runtime.guest.instance import Guest, GuestGoneError
from genapps_runtime.guest.store import GuestLog, LogSink, ReentrantCallError, ignore_record
from genapps_runtime.guest.string_call import ResultCall, StringCall
from genapps_runtime.guest.turns import Done, Emit, parse_turn
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.logs import ActionLog
from genapps_runtime.termination import Reason, RefusedError
from tests.runtime.telling_language import TellingLanguage

MEMORY = 64 * 1024 * 1024
SOURCE = """
import typing
from genapps import app

host = typing.sys.modules["genapps.logs"].host

def compute(times):
    while host.now_millis() < int(times):
        pass

@app.get("/quick")
async def quick(request):
    return "quick"

@app.get("/until-told/{times}")
async def until_told(request, times):
    host.log("begun")
    compute(times)
    host.log("told")
    return "told " + times

@app.get("/loop")
async def loop(request):
    while True:
        pass

@app.get("/abort/{times}")
async def abort(request, times):
    compute(times)
    typing.sys.modules["_signal"].raise_signal(6)

@app.get("/random-hog/{times}")
async def random_hog(request, times):
    compute(times)
    host.random(5000)

@app.get("/much/{times}")
async def much(request, times):
    compute(times)
    await Piece({"text": "x" * 5_000_000})

@app.get("/held")
async def held(request):
    await Piece({"text": "a piece"})

@app.get("/deep/{times}")
async def deep(request, times):
    def deeper(left):
        if left:
            return deeper(left - 1)
        host.log("[" * 60_000)
        compute(times)
        host.log("[" * 60_000)
        return "deep"
    return deeper(700)

class Piece:
    def __init__(self, piece):
        self.piece = piece
    def __await__(self):
        yield self.piece
"""
SLOW_LOAD = SOURCE + '\nhost.log("loads")\ncompute(1)\nhost.log("loaded")\n'


def load_message(source: str = SOURCE) -> str:
    return json.dumps({"entry": "app.py", "files": {"app.py": source}, "logBytes": 0})


@pytest.fixture
def guests(telling_language: TellingLanguage) -> Iterator[Callable[[], Guest]]:
    made: list[Guest] = []

    def make() -> Guest:
        guest = Guest(telling_language, Heartbeat(), MEMORY, pausing=True)
        guest.load(load_message(), 60)
        made.append(guest)
        return guest

    yield make
    for guest in made:
        guest.drop()


@pytest.fixture
def guest(guests: Callable[[], Guest]) -> Guest:
    return guests()


def message(path: str, action: int = 1) -> bytes:
    request = {"requestId": "r", "method": "GET", "path": path, "query": "", "headers": {}}
    return json.dumps({"action": action, "request": request}).encode()


def begin(guest: Guest, path: str, seconds: float = 60, sink: LogSink = ignore_record) -> bytes:
    return guest.start(message(path), time.monotonic() + seconds, sink)


def paused(guest: Guest, path: str, seconds: float = 60, sink: LogSink = ignore_record) -> None:
    """Begin a call that pauses."""
    assert begin(guest, path, seconds, sink) == b""
    assert guest.computing


def text_of(turn: bytes | None) -> str:
    assert turn is not None
    done = parse_turn(turn)
    assert isinstance(done, Done)
    return done.piece.decode()


def ended(guest: Guest) -> str:
    """The text of the answer, after as many slices as it takes."""
    while guest.computing:
        turn = guest.go_on()
    return text_of(turn)


def loaded(guest: Guest) -> None:
    while guest.computing:
        guest.go_on_loading()


def quick(guest: Guest) -> str:
    """On a busy machine it may pause."""
    turn = begin(guest, "/quick")
    return ended(guest) if guest.computing else text_of(turn)


def test_a_call_that_computes_pauses_and_goes_on(guest: Guest, telling_language: TellingLanguage) -> None:
    paused(guest, "/until-told/1")
    for _ in range(10):
        assert guest.go_on() == b""
    telling_language.tell()
    assert ended(guest) == "told 1"
    assert not guest.computing
    assert quick(guest) == "quick"


def test_several_guests_compute_at_once_and_end_in_any_order(
    guests: Callable[[], Guest], telling_language: TellingLanguage
) -> None:
    first, second, third = guests(), guests(), guests()
    paused(first, "/until-told/2")
    paused(second, "/until-told/1")
    for _ in range(5):
        assert first.go_on() == b""
        assert second.go_on() == b""
        assert quick(third) == "quick"
    telling_language.tell()
    assert ended(second) == "told 1"
    assert first.go_on() == b""
    telling_language.tell()
    assert ended(first) == "told 2"


def test_records_of_a_call_go_to_its_own_sink_before_and_after_pauses(
    guests: Callable[[], Guest], telling_language: TellingLanguage
) -> None:
    logs: list[list[str]] = [[], []]
    both = guests(), guests()
    for guest, log in zip(both, logs, strict=True):
        paused(guest, "/until-told/1", sink=log.append)
    telling_language.tell()
    assert ended(both[0]) == "told 1"
    assert logs == [["begun", "told"], ["begun"]]
    assert ended(both[1]) == "told 1"
    assert logs == [["begun", "told"], ["begun", "told"]]


def test_a_guest_whose_call_has_paused_takes_no_other(telling_language: TellingLanguage) -> None:
    store = telling_language.instantiate(MEMORY, GuestLog())
    assert ResultCall(store, "load")(load_message().encode())[0]
    start, resume = StringCall(store, "start"), StringCall(store, "resume")
    telling_language.ticker.enter()
    store.set_deadline(time.monotonic() + 60)
    assert not start.begin(message("/until-told/1"))
    attempts: list[Callable[[], Any]] = [
        lambda: start.begin(message("/quick")),
        lambda: start(message("/quick")),
        lambda: resume(b"{}"),
        lambda: resume.begin(b"{}"),
        resume.go_on,
    ]
    for attempt in attempts:
        with pytest.raises(ReentrantCallError):
            attempt()
    telling_language.tell()
    while not start.go_on():
        pass
    assert text_of(start.answer()) == "told 1"
    with pytest.raises(ReentrantCallError, match="has paused"):
        start.go_on()
    telling_language.ticker.leave()
    store.close()


def test_nothing_enters_or_ends_a_call_from_inside_after_a_pause_either(
    guest: Guest, telling_language: TellingLanguage
) -> None:
    refused: list[str] = []

    def again(record: str) -> None:
        if record == "told":
            attempts: list[Callable[[], Any]] = [
                lambda: begin(guest, "/quick"), guest.go_on, guest.drop, lambda: guest.cancel(1),
            ]  # fmt: skip
            for attempt in attempts:
                with pytest.raises(ReentrantCallError):
                    attempt()
                refused.append(record)

    paused(guest, "/until-told/1", sink=again)
    telling_language.tell()
    assert ended(guest) == "told 1"
    assert len(refused) == 4


def test_a_deadline_ends_a_call_in_one_of_its_slices(guest: Guest) -> None:
    paused(guest, "/loop", seconds=0.1)
    with pytest.raises(GuestGoneError, match="used up the time") as gone:
        ended(guest)
    assert gone.value.code == "ActionTimeout"
    assert guest.dropped
    assert not guest.computing


def test_a_deadline_that_passes_in_a_pause_ends_the_call_without_another_slice(
    guest: Guest, telling_language: TellingLanguage
) -> None:
    paused(guest, "/until-told/1", seconds=0.05)
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        pass
    telling_language.tell()
    with pytest.raises(GuestGoneError, match="used up the time") as gone:
        guest.go_on()
    assert gone.value.code == "ActionTimeout"
    assert guest.dropped


@pytest.mark.parametrize(
    ("path", "code"), [("/abort/1", "GuestTrapped"), ("/random-hog/1", "GuestTrapped"), ("/much/1", "TurnInvalid")]
)
def test_a_call_that_breaks_after_a_pause_breaks_its_guest_only(
    guests: Callable[[], Guest], telling_language: TellingLanguage, path: str, code: str
) -> None:
    breaking, other = guests(), guests()
    paused(breaking, path)
    paused(other, "/until-told/1")
    telling_language.tell()
    with pytest.raises(GuestGoneError) as gone:
        ended(breaking)
    assert gone.value.code == code
    assert breaking.dropped
    assert ended(other) == "told 1"


class StopError(BaseException):
    """Like what ends a process, and no Exception."""


def test_what_a_host_function_raises_after_a_pause_comes_out(guest: Guest, telling_language: TellingLanguage) -> None:
    def stop(record: str) -> None:
        if record == "told":
            raise StopError

    paused(guest, "/until-told/1", sink=stop)
    telling_language.tell()
    with pytest.raises(StopError):
        ended(guest)
    assert guest.dropped


def test_a_guest_is_dropped_while_its_call_has_paused(guests: Callable[[], Guest]) -> None:
    guest, other = guests(), guests()
    paused(guest, "/loop")
    guest.drop()
    guest.drop()
    assert not guest.computing
    with pytest.raises(GuestGoneError, match="restarted"):
        begin(guest, "/quick")
    assert quick(other) == "quick"


def test_a_guest_that_nobody_dropped_is_collected_with_its_paused_call(telling_language: TellingLanguage) -> None:
    guest = Guest(telling_language, Heartbeat(), MEMORY, pausing=True)
    guest.load(load_message(), 60)
    paused(guest, "/loop")
    store = weakref.ref(guest._store)
    del guest
    gc.collect()
    assert store() is None


def test_the_supervisor_sees_a_deadline_only_while_a_slice_runs(
    guest: Guest, telling_language: TellingLanguage
) -> None:
    heartbeat, seen = guest._heartbeat, list[str]()

    def look(_record: str) -> None:
        seen.append(heartbeat.overdue_seconds(time.monotonic_ns())[0])

    paused(guest, "/until-told/1", sink=look)
    seen.append(heartbeat.overdue_seconds(time.monotonic_ns())[0])
    telling_language.tell()
    assert ended(guest) == "told 1"
    seen.append(heartbeat.overdue_seconds(time.monotonic_ns())[0])
    assert seen == ["guest", "loop", "guest", "loop"]


def test_a_cancellation_does_not_pause(guest: Guest) -> None:
    turn = guest.start(message("/held", 7), time.monotonic() + 60, ignore_record)
    assert isinstance(parse_turn(turn), Emit)
    guest.cancel(7)
    assert not guest.dropped
    assert quick(guest) == "quick"


def test_a_deep_stack_leaves_room_for_what_the_host_does_on_it(guest: Guest, telling_language: TellingLanguage) -> None:
    log = ActionLog(1_000_000)
    paused(guest, "/deep/1", sink=log.add)
    telling_language.tell()
    assert ended(guest) == "deep"
    assert [len(record["message"]) for record in log.records] == [60000, 60000]


def test_a_load_pauses_too(telling_language: TellingLanguage) -> None:
    guest, log = Guest(telling_language, Heartbeat(), MEMORY, pausing=True), list[str]()
    guest.begin_loading(load_message(SLOW_LOAD), 60, log.append)
    assert guest.computing
    guest.go_on_loading()
    assert guest.computing
    telling_language.tell()
    loaded(guest)
    assert log == ["loads", "loaded"]
    assert "GET /quick" in guest.routes
    assert quick(guest) == "quick"
    guest.drop()


@pytest.mark.parametrize(
    ("code", "seconds", "words"),
    [
        ("while True: pass", 0.1, "did not finish within 0.1 s"),
        ("compute(1)\nx = 1 / 0", 60, "ZeroDivisionError"),
        ("compute(1)\ntyping.sys.modules['_signal'].raise_signal(6)", 60, "not available to apps"),
    ],
    ids=["hangs", "fails", "traps"],
)
def test_code_that_fails_to_load_after_a_pause_is_refused(
    telling_language: TellingLanguage, code: str, seconds: float, words: str
) -> None:
    guest = Guest(telling_language, Heartbeat(), MEMORY, pausing=True)
    guest.begin_loading(load_message(f"{SOURCE}\n{code}\n"), seconds, ignore_record)
    assert guest.computing
    telling_language.tell()
    with pytest.raises(RefusedError, match=words) as refused:
        loaded(guest)
    assert refused.value.reason is Reason.CODE_REJECTED
    assert guest.dropped
