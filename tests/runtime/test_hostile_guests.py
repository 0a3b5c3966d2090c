# SPDX-License-Identifier: Apache-2.0
"""A guest that misbehaves gets a clean error and one log line, and its app stays up."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Pod, serving
from tests.runtime.hostile import SOURCE

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = [
    ("a loop ends at its deadline", "/loop", 504, "ActionTimeout"),
    ("a loop inside the interpreter ends at its deadline", "/loop-in-c", 504, "ActionTimeout"),
    ("a loop that catches everything ends at its deadline", "/swallow", 504, "ActionTimeout"),
    ("allocation ends at the tier's memory", "/allocate", 500, "MemoryExceeded"),
    ("one large allocation ends at the tier's memory", "/allocate-at-once", 500, "MemoryExceeded"),
    ("recursion is an error of the app", "/recurse", 500, "AppFailed"),
    ("recursion beyond the interpreter's limit is a trap", "/recurse-without-limit", 502, "GuestTrapped"),
    ("nesting that overflows the stack is a trap", "/nested", 502, "GuestTrapped"),
    ("an abort below the library is a trap", "/abort", 502, "GuestTrapped"),
    ("an abort is an error of the app", "/os-abort", 500, "AppFailed"),
    ("an exit is an error of the app", "/exit", 500, "AppFailed"),
    ("an exception is an error of the app", "/raise", 500, "AppFailed"),
    ("a request to exit is an error of the app", "/raise-exit", 500, "AppFailed"),
    ("an exception that cannot be printed is a trap", "/raise-unprintable", 502, "GuestTrapped"),
    ("a large text is refused", "/huge-response", 502, "ResponseTooLarge"),
    ("a large binary is refused", "/huge-binary-response", 502, "ResponseTooLarge"),
    ("an object cannot be answered", "/object", 500, "AppFailed"),
    ("not-a-number cannot be answered", "/nan", 500, "AppFailed"),
    ("not-a-number cannot be an argument of a tool", "/nan-argument", 500, "AppFailed"),
    ("half a character cannot be in a header", "/surrogate", 500, "AppFailed"),
    ("a header name cannot split the response", "/bad-header", 502, "ResponseInvalid"),
    ("a header value cannot split the response", "/bad-header-value", 502, "ResponseInvalid"),
    ("a header value beyond Latin-1 is refused", "/wide-header-value", 502, "ResponseInvalid"),
    ("framing is not the app's business", "/reserved-header", 502, "ResponseInvalid"),
    ("headers are limited", "/many-headers", 502, "ResponseInvalid"),
    ("a protocol switch is refused", "/bad-status", 502, "ResponseInvalid"),
    ("a status that is no number is an error of the app", "/text-status", 500, "AppFailed"),
    ("sleeping is an error of the app", "/sleep", 500, "AppFailed"),
    ("sleeping in another way is an error of the app", "/sleep-below", 500, "AppFailed"),
    ("there is no file to open", "/open", 500, "AppFailed"),
    ("there is no directory to list", "/list-files", 500, "AppFailed"),
    ("a late import is an error of the app", "/import-later", 500, "AppFailed"),
    ("awaiting a number is an error of the app", "/await-number", 500, "AppFailed"),
    ("an awaitable that yields a number is an error of the app", "/yield-number", 500, "AppFailed"),
    ("an awaitable that yields half a piece is nonsense", "/yield-piece", 502, "TurnInvalid"),
    ("an awaitable that yields no call is nonsense", "/yield-nothing", 502, "TurnInvalid"),
    ("reading without end ends at the deadline", "/endless-reads", 504, "ActionTimeout"),
    ("a response without end ends at the tier's limit", "/endless-pieces", 502, "ResponseTooLarge"),
    ("too many calls at once are nonsense", "/very-many-reads", 502, "TurnInvalid"),
    ("state ends at the tier's limit", "/fill-state", 507, "StateFull"),
    ("a large value is an error of the app", "/big-value", 500, "AppFailed"),
    ("an empty key is an error of the app", "/bad-key", 500, "AppFailed"),
    ("a flood of random numbers ends at the deadline", "/random-flood", 504, "ActionTimeout"),
    ("random numbers are limited", "/random-hog", 502, "GuestTrapped"),
    ("an engine that is broken is a trap", "/break-engine", 502, "GuestTrapped"),
    ("a route that is not there is said so", "/nowhere", 404, "RouteNotFound"),
] + [
    (f"a forged turn is nonsense: {kind}", f"/forge/{kind}", 502, "TurnInvalid")
    for kind in (
        "empty", "not-json", "list", "unknown", "two", "no-calls", "bad-call", "bad-arguments", "no-response", "base64",
        "wait-list", "wait-half", "wait-cancel", "wait-wake", "wait-much", "timer-short", "timer-long",
        "big-piece", "surrogate", "bad-writes", "float-status", "foreign-code", "nested", "huge", "huge-number",
        "compact-fields", "compact-headers", "compact-writes", "compact-big-piece", "compact-call",
    )
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with serving(
        authority,
        engine,
        tmp_path_factory.mktemp("hostile"),
        SOURCE,
        time={"actionMillis": 2000},
        limits={"statePerTenantBytes": 512 * 1024, "toolCallsPerAction": 8},
    ) as pod:
        yield pod


@pytest.mark.parametrize(("path", "status", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_misbehaviour_is_a_clean_error_and_the_app_stays_up(
    hostile: Pod, path: str, status: int, code: str
) -> None:
    before = len(hostile.log())
    answer = await hostile.call("GET", path)
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.json()["requestId"] == answer.headers["genapps-request-id"]
    lines = hostile.log()[before:]
    assert [(line["path"], line["status"], line["code"]) for line in lines] == [(path, status, code)]
    fine = await hostile.call("GET", "/fine")
    assert (fine.status, fine.json()) == (200, {"fine": True})
    assert hostile.process is not None
    assert hostile.process.returncode is None
    assert not hostile.log("worker ended")


async def test_a_failed_action_leaves_no_state(hostile: Pod) -> None:
    assert (await hostile.call("GET", "/fill-state")).code == "StateFull"
    assert (await hostile.call("GET", "/kept")).json() == {"kept": None}


async def test_a_printed_gigabyte_fills_16_kib_of_one_log_line(hostile: Pod) -> None:
    before = len(hostile.log_file.read_bytes())
    answer = await hostile.call("GET", "/print-gigabyte")
    assert answer.status == 200, answer
    written = len(hostile.log_file.read_bytes()) - before
    assert 1000 < written < 2 * 16384
    assert hostile.log()[-1]["path"] == "/print-gigabyte"


async def test_log_records_are_escaped_whatever_the_guest_hands_over(hostile: Pod) -> None:
    assert (await hostile.call("GET", "/log-nonsense")).status == 200
    line = hostile.log()[-1]
    assert len(line["log"]) == 7
    text = str(line["log"])
    assert "red" in text
    assert "\\x1b" not in text
    assert "\\n" not in text


async def test_an_error_of_the_app_is_in_the_log_without_control_characters_and_not_told_to_the_caller(
    hostile: Pod,
) -> None:
    answer = await hostile.call("GET", "/raise")
    assert b"how it should go" not in answer.body
    assert (answer.json()["title"], answer.json()["detail"]) == ("The app failed", "The app failed")
    line = hostile.log()[-1]
    assert line["requestId"] == answer.json()["requestId"] == answer.headers["genapps-request-id"]
    assert line["detail"] == "ValueError: this is not [31m how it should go "
    assert 'raise ValueError("this is not' in line["trace"]


@pytest.mark.parametrize("path", ["/bad-header", "/reserved-header", "/raise-exit", "/import-later", "/big-value"])
async def test_nothing_of_a_failing_app_is_told_to_its_caller(hostile: Pod, path: str) -> None:
    problem = (await hostile.call("GET", path)).json()
    assert problem["detail"] == problem["title"]
    assert hostile.log()[-1]["detail"] != problem["title"]


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 1000 + "1" + "}" * 1000, "]" * 5000, "{", "", "nul"])
async def test_a_caller_cannot_break_the_app_by_what_it_sends_as_json(hostile: Pod, body: str) -> None:
    answer = await hostile.call("POST", "/json", data=body)
    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_brackets_in_texts_are_no_nesting(hostile: Pod) -> None:
    answer = await hostile.call("POST", "/json", json=["[" * 1000, '\\"[[' * 1000])
    assert answer.json() == {"type": "list"}


@pytest.mark.parametrize("path", ["/allocate", "/forge/huge", "/log-hog", "/huge-response"])
async def test_the_process_stays_within_the_memory_of_its_pod(hostile: Pod, path: str) -> None:
    _forget_peak(hostile.worker())
    await hostile.call("GET", path)
    assert _peak(hostile.worker()) < (64 + 96) * 1024


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(pid: int) -> int:
    """KiB that were resident at once since `_forget_peak`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


async def test_guests_have_no_environment(hostile: Pod) -> None:
    assert (await hostile.call("GET", "/environment")).json() == {}


async def test_calls_beyond_the_fan_out_never_reach_the_gateway(hostile: Pod) -> None:
    hostile.gateway.calls.clear()
    answer = await hostile.call("GET", "/many-calls")
    assert answer.json() == ["ConnectorNotInEnvelope"] * 8 + ["FanOutExceeded"] * 42
    assert len(hostile.gateway.calls) == 8


async def test_actions_that_wait_in_a_guest_that_breaks_fail_cleanly(hostile: Pod) -> None:
    release = asyncio.Event()
    hostile.gateway.hold = release
    waiting = asyncio.create_task(hostile.call("GET", "/wait"))
    await hostile.gateway.until_called("slow")
    assert (await hostile.call("GET", "/abort")).code == "GuestTrapped"
    release.set()
    hostile.gateway.hold = None
    answer = await waiting
    assert (answer.status, answer.code) == (503, "AppRestarted")
    assert answer.json()["retryAfter"] == 1


async def test_an_action_whose_tool_does_not_answer_ends_at_its_deadline(hostile: Pod) -> None:
    hostile.gateway.hold = asyncio.Event()
    for path in ("/wait", "/wait-stubbornly"):
        answer = await hostile.call("GET", path)
        assert (answer.status, answer.code) == (504, "ActionTimeout")
    hostile.gateway.hold.set()
    hostile.gateway.hold = None
    assert (await hostile.call("GET", "/fine")).status == 200
