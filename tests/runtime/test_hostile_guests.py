# SPDX-License-Identifier: Apache-2.0
"""A guest that misbehaves gets a clean error and one log line, and its app stays up."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.runtime.clean_ends import answered, ended, unharmed
from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Pod, serving
from tests.runtime.hostile import SOURCE
from tests.runtime.hostile_bundle import files
from tests.runtime.hostile_cases import BUNDLES, GUESTS, REQUESTS, Request

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bundled(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    folder = tmp_path_factory.mktemp("bundled")
    async with serving(authority, engine, folder, files(), time={"actionMillis": 2000}) as pod:
        assert (await pod.call("GET", "/remember")).status == 200
        yield pod


@pytest.mark.parametrize(("path", "status", "code"), [case[1:] for case in GUESTS], ids=[case[0] for case in GUESTS])
async def test_misbehaviour_is_a_clean_error_and_the_app_stays_up(
    hostile: Pod, path: str, status: int, code: str
) -> None:
    before = len(hostile.log())
    ended(hostile, before, path, await hostile.call("GET", path), status, code)
    await unharmed(hostile)


@pytest.mark.parametrize(("path", "status", "code"), [case[1:] for case in BUNDLES], ids=[case[0] for case in BUNDLES])
async def test_a_hostile_bundle_harms_nobody(bundled: Pod, path: str, status: int, code: str) -> None:
    before = len(bundled.log())
    ended(bundled, before, path, await bundled.call("GET", path), status, code)
    await unharmed(bundled)
    assert (await bundled.call("GET", "/remembered")).json() == {"before": [1, 2, 3]}


@pytest.mark.parametrize("request_", REQUESTS, ids=[one.title for one in REQUESTS])
async def test_a_hostile_request_harms_nobody(bundled: Pod, request_: Request) -> None:
    await answered(bundled, request_)
    await unharmed(bundled)
    assert (await bundled.call("GET", "/remembered")).json() == {"before": [1, 2, 3]}


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


@pytest.mark.parametrize("answered", [False, True])
async def test_actions_that_wait_in_a_guest_that_breaks_begin_again_unless_a_tool_has_acted(
    hostile: Pod, answered: bool
) -> None:
    release = asyncio.Event()
    hostile.gateway.hold, hostile.gateway.calls = release, []
    if answered:
        hostile.gateway.answers["slow"] = 200, {"result": 1}
    waiting = asyncio.create_task(hostile.call("GET", "/wait"))
    await hostile.gateway.until_called("slow")
    assert (await hostile.call("GET", "/abort")).code == "GuestTrapped"
    release.set()
    hostile.gateway.hold = None
    answer = await waiting
    hostile.gateway.answers.pop("slow", None)
    if answered:
        assert (answer.status, answer.code) == (502, "PartiallyDone")
        assert "(AppRestarted) after it had called slow.wait (done)" in answer.json()["detail"]
    else:
        assert (answer.status, answer.json()) == (200, {"refused": "ConnectorNotInEnvelope"})
    assert [call["connector"] for call in hostile.gateway.calls] == ["slow"]


async def test_an_action_whose_tool_does_not_answer_ends_at_its_deadline(hostile: Pod) -> None:
    hostile.gateway.hold = asyncio.Event()
    for path in ("/wait", "/wait-stubbornly"):
        answer = await hostile.call("GET", path)
        assert (answer.status, answer.code) == (502, "PartiallyDone")
        assert "(ActionTimeout) after it had called slow.wait (unknown)" in answer.json()["detail"]
    hostile.gateway.hold.set()
    hostile.gateway.hold = None
    assert (await hostile.call("GET", "/fine")).status == 200


async def test_malformed_output_is_reported_to_the_gateway(authority: Authority, engine: Path, tmp_path: Path) -> None:
    async with serving(authority, engine, tmp_path, SOURCE) as pod:
        assert (await pod.call("GET", "/yield-nothing")).json()["code"] == "TurnInvalid"
        report = await pod.gateway.until_reported(0)
    assert (report["rule"], report["subject"]) == ("malformed_output", "TurnInvalid")
    assert report["requestId"]
