# SPDX-License-Identifier: Apache-2.0
"""A call into a guest that runs for long: others are served meanwhile, and it ends at its deadline as ever."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from genapps_runtime.guest.instance import CANCEL_SECONDS, Guest, GuestGoneError
from genapps_runtime.guest.store import SLOW_SECONDS, ReentrantCallError, ignore_record
from genapps_runtime.guest.ticker import TICK_SECONDS
from genapps_runtime.guest.turns import Done, Emit, parse_turn
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import CODES
from tests.runtime.telling_language import TellingLanguage

MEMORY = 64 * 1024 * 1024
SOURCE = """
import typing
from genapps import app

host = typing.sys.modules["genapps.logs"].host

@app.get("/quick")
async def quick(request):
    return "quick"

@app.get("/loop")
async def loop(request):
    while True:
        pass

@app.get("/until-told/{times}")
async def until_told(request, times):
    while host.now_millis() < int(times):
        pass
    return "told"

@app.get("/held")
async def held(request):
    try:
        await Piece()
    finally:
        while True:
            pass

class Piece:
    def __await__(self):
        yield {"text": "a piece"}
"""


@pytest.fixture
def guest(telling_language: TellingLanguage) -> Iterator[Guest]:
    guest = Guest(telling_language, Heartbeat(), MEMORY)
    guest.load(json.dumps({"entry": "app.py", "files": {"app.py": SOURCE}, "logBytes": 0}), 60)
    guest.on_slow = telling_language.tell
    telling_language.told = 0
    yield guest
    guest.drop()


def call(guest: Guest, path: str, seconds: float = 60) -> Any:
    """The text of the answer."""
    request = {"requestId": "r", "method": "GET", "path": path, "query": "", "headers": {}}
    message = json.dumps({"action": 1, "request": request}).encode()
    turn = guest.start(message, time.monotonic() + seconds, ignore_record)
    done = parse_turn(turn)
    assert isinstance(done, Done)
    return done.piece.decode()


def ended(guest: Guest, path: str, seconds: float) -> str:
    with pytest.raises(GuestGoneError) as gone:
        call(guest, path, seconds)
    assert guest.dropped
    assert gone.value.code in CODES
    return gone.value.code


def test_a_quick_call_tells_nobody(guest: Guest, telling_language: TellingLanguage) -> None:
    assert [call(guest, "/quick") for _ in range(100)] == ["quick"] * 100
    assert telling_language.told < 20  # a busy machine may stop a few of them for so long


def test_a_call_without_end_tells_once_and_ends_at_its_deadline(
    guest: Guest, telling_language: TellingLanguage
) -> None:
    assert ended(guest, "/loop", 0.2) == "ActionTimeout"
    assert telling_language.told == 1


def test_a_call_that_tells_goes_on_and_the_next_one_tells_again(
    guest: Guest, telling_language: TellingLanguage
) -> None:
    assert call(guest, "/until-told/1") == "told"
    assert call(guest, "/quick") == "quick"
    assert call(guest, f"/until-told/{telling_language.told + 1}") == "told"
    assert telling_language.told >= 2


def test_a_call_whose_deadline_comes_first_tells_nobody(guest: Guest, telling_language: TellingLanguage) -> None:
    begun = time.monotonic()
    assert ended(guest, "/loop", TICK_SECONDS / 2) == "ActionTimeout"
    # A busy machine may stop the call for so long that it is slow before anybody looks at its deadline.
    assert telling_language.told == 0 or time.monotonic() - begun > SLOW_SECONDS


def test_a_hook_that_takes_the_rest_of_the_time_ends_the_call(guest: Guest, telling_language: TellingLanguage) -> None:
    def tell_until_the_end() -> None:
        telling_language.tell()
        while time.monotonic() < end:
            pass

    guest.on_slow = tell_until_the_end
    end = time.monotonic() + 4 * SLOW_SECONDS
    assert ended(guest, "/until-told/2", end - time.monotonic()) == "ActionTimeout"
    assert telling_language.told == 1


def test_no_hook_is_no_difference(guest: Guest, telling_language: TellingLanguage) -> None:
    guest.on_slow = None
    assert call(guest, "/quick") == "quick"
    assert ended(guest, "/loop", 0.1) == "ActionTimeout"
    assert telling_language.told == 0


def test_what_a_hook_raises_is_logged_and_the_guest_goes_on(
    guest: Guest, telling_language: TellingLanguage, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        telling_language.tell()
        raise LookupError("no \x1b[31m reply")

    guest.on_slow = fail
    assert call(guest, "/until-told/1") == "told"
    line = json.loads(capfd.readouterr().out)
    assert (line["event"], line["level"]) == ("the runtime failed while a guest ran", "error")
    assert line["error"].startswith("LookupError: no")
    assert "\x1b" not in line["error"]
    assert call(guest, "/quick") == "quick"
    assert ended(guest, "/loop", 0.1) == "ActionTimeout"
    assert telling_language.told == 2


class StopError(BaseException):
    """Like what ends a process, and no Exception."""


def test_a_hook_that_ends_the_process_ends_the_guest(guest: Guest, telling_language: TellingLanguage) -> None:
    def stop() -> None:
        telling_language.tell()
        raise StopError

    guest.on_slow = stop
    with pytest.raises(StopError):
        call(guest, "/loop")
    assert guest.dropped
    assert telling_language.told == 1


@pytest.mark.parametrize("what", ["start", "resume", "cancel", "drop", "load"])
def test_a_hook_cannot_enter_or_end_the_guest(guest: Guest, telling_language: TellingLanguage, what: str) -> None:
    attempts: dict[str, Callable[[], Any]] = {
        "start": lambda: call(guest, "/quick"),
        "resume": lambda: guest.resume(b"{}", time.monotonic() + 60, ignore_record),
        "cancel": lambda: guest.cancel(1),
        "drop": guest.drop,
        "load": lambda: guest.load("{}", 60),
    }
    heartbeat = guest._heartbeat
    overdue: list[str] = []

    def enter() -> None:
        with pytest.raises(ReentrantCallError):
            attempts[what]()
        overdue.append(heartbeat.overdue_seconds(time.monotonic_ns())[0])
        telling_language.tell()

    guest.on_slow = enter
    assert call(guest, "/until-told/1") == "told"
    assert overdue == ["guest"]  # the supervisor still sees a call that runs
    assert not guest.dropped
    assert call(guest, "/quick") == "quick"


def test_the_supervisor_sees_the_deadline_of_the_call_and_its_end(
    guest: Guest, telling_language: TellingLanguage
) -> None:
    heartbeat, seen = guest._heartbeat, list[tuple[str, float]]()

    def look() -> None:
        seen.append(heartbeat.overdue_seconds(time.monotonic_ns()))
        telling_language.tell()

    guest.on_slow = look
    assert call(guest, "/until-told/1", 60) == "told"
    ((what, late),) = seen
    assert what == "guest"
    assert -60 < late < 0
    assert heartbeat.overdue_seconds(time.monotonic_ns())[0] == "loop"


def test_a_cancellation_without_end_tells_too(guest: Guest, telling_language: TellingLanguage) -> None:
    request = {"requestId": "r", "method": "GET", "path": "/held", "query": "", "headers": {}}
    message = json.dumps({"action": 7, "request": request}).encode()
    assert isinstance(parse_turn(guest.start(message, time.monotonic() + 60, ignore_record)), Emit)
    assert CANCEL_SECONDS > 2 * SLOW_SECONDS
    before = telling_language.told  # on a busy machine the first call may have been slow as well
    guest.cancel(7)
    assert guest.dropped
    assert telling_language.told == before + 1


def test_a_hook_cannot_enter_another_guest(guest: Guest, telling_language: TellingLanguage) -> None:
    other = Guest(telling_language, Heartbeat(), MEMORY)
    other.load(json.dumps({"entry": "app.py", "files": {"app.py": SOURCE}, "logBytes": 0}), 60)

    def serve() -> None:
        with pytest.raises(ReentrantCallError):
            call(other, "/quick")
        telling_language.tell()

    guest.on_slow = serve
    assert call(guest, "/until-told/1") == "told"
    assert call(other, "/quick") == "quick"
    other.drop()
