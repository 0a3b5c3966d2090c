# SPDX-License-Identifier: Apache-2.0
"""A guest in JavaScript that misbehaves gets a clean error and one log line, and its app stays up with its state."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from genapps_runtime.guest.engine import Language
from tests.runtime.clean_ends import answered, ended
from tests.runtime.clean_ends import unharmed as goes_on
from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Pod, serving
from tests.runtime.hostile_cases import Request
from tests.runtime.javascript.hostile_cases import LOOPS, REQUESTS, ROWS
from tests.runtime.javascript.polluted import POLLUTED, SOURCE
from tests.runtime.javascript.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = {path.name: path.read_bytes() for path in Path(__file__).with_name("hostile").iterdir()}
LIMITS = {"statePerTenantBytes": 512 * 1024, "guestMemoryBytes": 32 * 1024 * 1024}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile(
    authority: Authority, javascript_engine: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pod]:
    folder = tmp_path_factory.mktemp("hostile")
    language = {"language": "javascript", "entry": "app.js", "connectors": ["fx-rates"]}
    async with serving(authority, javascript_engine, folder, FILES, limits=LIMITS, **language) as pod:
        assert (await pod.call("GET", "/remember")).status == 200
        yield pod


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def looping(javascript: Language, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """In this process, with little time for each request."""
    served = Served(javascript, tmp_path_factory.mktemp("looping") / "state")
    served.write(FILES, limits=LIMITS, time={"actionMillis": 100})
    await served.start()
    assert (await served.call("GET", "/remember")).status == 200
    yield served
    await served.stop()


@pytest.mark.parametrize(("name", "status", "code"), ROWS, ids=[row[0] for row in ROWS])
async def test_misbehaviour_in_javascript_is_a_clean_error(hostile: Pod, name: str, status: int, code: str) -> None:
    before = len(hostile.log())
    ended(hostile, before, f"/{name}", await hostile.call("GET", f"/{name}"), status, code)
    await unharmed(hostile)


@pytest.mark.parametrize("name", LOOPS)
async def test_what_never_ends_in_javascript_ends_at_its_deadline(looping: Served, name: str) -> None:
    before = len(looping.log())
    ended(looping, before, f"/{name}", await looping.call("GET", f"/{name}"), 504, "ActionTimeout")
    await unharmed(looping)


@pytest.mark.parametrize("request_", REQUESTS, ids=[one.title for one in REQUESTS])
async def test_a_hostile_request_does_not_break_an_app_in_javascript(hostile: Pod, request_: Request) -> None:
    await answered(hostile, request_)
    await unharmed(hostile)


async def unharmed(app: Pod | Served) -> None:
    """The app answers, has its state, and its process is the one that it was."""
    await goes_on(app)
    assert (await app.call("GET", "/remembered")).json() == [1, 2, 3]


async def test_answers_of_hostile_handlers_are_what_they_say(hostile: Pod) -> None:
    async def text(name: str) -> str:
        return (await hostile.call("GET", f"/{name}")).body.decode()

    assert await text("half-text") == "a\ufffdb\ufffd"
    assert await text("half-piece") == "\ufffd"
    assert await text("forged-turn") == '200\0[["genapps-request-id","x"]]\0[["before","0"]]\0forged'
    assert await text("response-with-then") == "x"
    assert json.loads(await text("null-in-key")) == [1, [1, 2, 3]]
    assert json.loads(await text("proto-key")) == {"kept": [["__proto__", {"polluted": 1}]], "polluted": None}
    assert await text("hoard-that-is-given-up") == "out of memory"


async def test_a_response_is_given_once(hostile: Pod) -> None:
    assert (await hostile.call("GET", "/response-used-twice")).body == b"used twice"
    assert (await hostile.call("GET", "/response-used-twice")).code == "AppFailed"
    assert "taken already" in hostile.log()[-1]["detail"]


async def test_calls_beyond_the_fan_out_of_javascript_never_reach_the_gateway(hostile: Pod) -> None:
    hostile.gateway.calls.clear()
    codes = [one["code"] for one in (await hostile.call("GET", "/tool-many")).json()]
    assert codes == ["ConnectorNotInEnvelope"] * 8 + ["FanOutExceeded"] * 42
    assert len(hostile.gateway.calls) == 8


async def test_arguments_of_tools_have_no_half_characters(hostile: Pod) -> None:
    hostile.gateway.calls.clear()
    await hostile.call("GET", "/tool-refused")
    assert [call["arguments"] for call in hostile.gateway.calls] == [{"half": "\ufffd"}]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("never", "nothing to wait for"),
        ("import-never", "nothing to wait for"),
        ("eval", "EvalError: code from a text is not available"),
        ("fetch", "connectors of env: FX_RATES"),
        ("throw-half", "Error: \ufffd  [31m"),
        ("throw-proxy", "the app threw something that cannot be described"),
        ("recurse", "RangeError: Maximum call stack size exceeded"),
        ("nested-json", "RangeError: Maximum call stack size exceeded"),
    ],
)
async def test_the_log_says_what_went_wrong_in_javascript(hostile: Pod, name: str, detail: str) -> None:
    answer = await hostile.call("GET", f"/{name}")
    assert answer.json()["detail"] == answer.json()["title"]
    assert detail in hostile.log()[-1]["detail"]


async def test_what_a_timer_throws_is_in_the_log(hostile: Pod) -> None:
    await hostile.call("GET", "/timer-that-throws")
    assert [record["message"] for record in hostile.log()[-1]["log"]] == [
        "a promise was rejected and nobody handles it: TypeError: not even this"
    ]


async def test_a_flood_of_records_fills_one_bounded_line(hostile: Pod) -> None:
    for name in ("log-flood", "log-hog"):
        before = len(hostile.log_file.read_bytes())
        await hostile.call("GET", f"/{name}")
        assert len(hostile.log_file.read_bytes()) - before < 3 * 16384


async def test_an_app_that_never_answers_is_told_while_another_request_waits(looping: Served) -> None:
    """What never comes for one request may come by another: it is known only when that has ended too."""
    waiting = asyncio.create_task(looping.call("GET", "/loop-of-timers"))
    never = await looping.call("GET", "/never")
    assert (never.status, never.code) in [(500, "AppFailed"), (504, "ActionTimeout")]
    assert (await waiting).code == "ActionTimeout"
    await unharmed(looping)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def neighbour(javascript: Language, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    served = Served(javascript, tmp_path_factory.mktemp("neighbour") / "state")
    served.write({"app.js": (SOURCE % "0").encode()})
    await served.start()
    await served.call("GET", "/pollute")
    yield served
    await served.stop()


@pytest.mark.parametrize("change", [row[1] for row in POLLUTED], ids=[row[0] for row in POLLUTED])
async def test_who_changes_the_language_harms_nobody_else(
    change: str, javascript: Language, neighbour: Served, tmp_path: Path
) -> None:
    served = Served(javascript, tmp_path / "state")
    served.write({"app.js": (SOURCE % change).encode()}, time={"actionMillis": 500})
    await served.start()
    first = await served.call("GET", "/pollute")
    answers = await asyncio.gather(*(served.call("GET", f"/{who}") for who in ("ann", "bob")))
    await served.stop()
    before = "kept" if first.status == 200 else "null"
    assert first.body == b"polluted" or first.code in CLEAN, served.log()
    for who, answer in zip(("ann", "bob"), answers, strict=True):
        own = f"{who} {before} {before}".encode()
        assert answer.body == own or answer.code in CLEAN, (answer, served.log())
    assert (await neighbour.call("GET", "/ann")).body == b"ann kept kept"


CLEAN = ("AppFailed", "ActionTimeout")
"""What an app may come to that has broken what it uses itself."""
