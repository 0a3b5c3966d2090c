# SPDX-License-Identifier: Apache-2.0
"""What an app in JavaScript can rely on: state, tools, timers and promises over turns, modules, errors, its log."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.runtime.fake_gateway import Authority, FakeGateway
from tests.runtime.harness import Pod

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = {
    "app.js": Path(__file__).with_name("actions_app.js").read_bytes(),
    "page.html": b"<h1>Hello</h1>",
    "words.json": b'{"hello": "hi", "__proto__": 1}',
    "bytes.bin": b"\x00\xff\xfe",
    "letters.bin": "Zoë".encode(),
    "lib/greeting.js": b'import words from "../words.json";\nexport const greeting = (who) => `${words.hello} ${who}`;',
    "lib/later.js": b"export default 'later';\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(
    authority: Authority, javascript_engine: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pod]:
    folder = tmp_path_factory.mktemp("javascript")
    gateway = FakeGateway(authority, folder)
    await gateway.start()
    gateway.answers["fx-rates"] = 200, {"result": {"rate": 1.5}}
    pod = Pod(folder / "pod", gateway, javascript_engine)
    pod.write(
        FILES,
        language="javascript",
        entry="app.js",
        connectors=["fx-rates", "slow", "nowhere"],
        fallback={"static": None, "lastGood": False, "export": True},
    )
    await pod.start()
    yield pod
    await pod.stop()
    await gateway.stop()


async def get(app: Pod, path: str, **options: Any) -> Any:
    answer = await app.call("GET", path, **options)
    assert answer.status == 200, (answer, app.log()[-3:])
    return answer.json()


def logged(app: Pod) -> list[dict[str, Any]]:
    return list(app.log()[-1].get("records", []))


async def test_texts_json_and_bytes_are_modules_as_code_is(app: Pod) -> None:
    assert await get(app, "/modules") == ["<h1>Hello</h1>", "hi", 255, "hi Zoë", 4]
    assert await get(app, "/later") == "later"


async def test_concurrent_requests_count_exactly(app: Pod) -> None:
    found = await asyncio.gather(*(get(app, "/count") for _ in range(20)))
    assert sorted(one["count"] for one in found) == list(range(1, 21))


async def test_an_action_sees_what_it_has_written(app: Pod) -> None:
    assert await get(app, "/own-writes") == [
        {"two": 2},
        [["a/1", 1]],
        "a/1",
        [["a/2", {"two": 2}]],
        None,
    ]


async def test_what_a_failed_action_has_written_is_not_stored(app: Pod) -> None:
    answer = await app.call("GET", "/after-failure")
    assert (answer.status, answer.code) == (500, "AppFailed")
    assert await get(app, "/lost") is None


async def test_sql_takes_and_gives_texts_and_bytes(app: Pod) -> None:
    assert await get(app, "/sql") == ["Zoë", [1, 255], ["name", "seen"]]
    assert await get(app, "/sql-refused") == ["SqlError", "SqlRefused"]


async def test_three_pending_promises_are_settled_over_turns(app: Pod) -> None:
    _, rates, slept = await get(app, "/three")
    assert (rates, slept) == ({"rate": 1.5}, "slept")


async def test_the_first_of_a_race_answers(app: Pod) -> None:
    assert await get(app, "/race") == ["quick", []]


async def test_a_refused_tool_is_an_error_with_its_code(app: Pod) -> None:
    app.gateway.answers["fx-rates"] = 403, {"code": "ToolNotAllowed", "class": "violation", "detail": "no"}
    try:
        assert await get(app, "/refused") == ["ToolError", "ToolNotAllowed", "violation"]
    finally:
        app.gateway.answers["fx-rates"] = 200, {"result": {"rate": 1.5}}


async def test_only_granted_connectors_are_bindings(app: Pod) -> None:
    kind, names = await get(app, "/unknown-binding")
    assert kind == "undefined"
    assert set(names) == {"STATE", "LOG", "FX_RATES", "SLOW", "NOWHERE"}


async def test_a_promise_that_never_settles_is_seen_at_once(app: Pod) -> None:
    answer = await app.call("GET", "/never")
    assert (answer.status, answer.code) == (500, "AppFailed")
    assert "nothing to wait for" in str(app.log()[-1])


async def test_a_promise_that_another_request_settles_wakes_its_own(app: Pod) -> None:
    beside = asyncio.create_task(get(app, "/pause"))  # while something is outstanding, the first may be woken
    waits = asyncio.create_task(get(app, "/settled-by-another"))
    while await get(app, "/settle") == "nobody waits":
        pass
    assert await waits == "settled"
    assert await beside == "paused"


async def test_what_waits_until_later_is_part_of_the_request(app: Pod) -> None:
    assert await get(app, "/wait-until") == "answered"
    assert await get(app, "/until") == 7


async def test_a_stream_that_is_written_until_later_leaves_meanwhile(app: Pod) -> None:
    assert (await app.call("GET", "/piped")).body == b"one two"
    assert await get(app, "/until") == "piped"
    assert (await app.call("GET", "/piped-for-ever")).status == 500


async def test_a_failure_in_the_background_is_told_and_changes_nothing(app: Pod) -> None:
    assert await get(app, "/wait-until-fails") == "answered"
    assert "Error: background" in str(app.log()[-1])


async def test_an_unhandled_rejection_is_told(app: Pod) -> None:
    assert await get(app, "/unhandled") is None
    assert "RangeError: nobody listens" in str(app.log()[-1])


async def test_the_log_has_levels_and_fields(app: Pod) -> None:
    assert await get(app, "/log") is None
    line = str(app.log()[-1])
    assert "careful" in line
    assert "printed" in line


async def test_long_answers_arrive_whole(app: Pod) -> None:
    assert (await app.call("GET", "/long")).body.decode() == "é" * 100_000
    assert (await app.call("GET", "/long-bytes")).body == bytes([7]) * 150_000


async def test_half_a_character_is_replaced(app: Pod) -> None:
    assert (await app.call("GET", "/half")).body.decode() == "\N{GRINNING FACE} \N{REPLACEMENT CHARACTER}"


async def test_what_is_no_response_is_an_error(app: Pod) -> None:
    answer = await app.call("GET", "/number")
    assert (answer.status, answer.code) == (500, "AppFailed")


async def test_deep_recursion_is_an_error_of_the_app(app: Pod) -> None:
    answer = await app.call("GET", "/deep")
    assert (answer.status, answer.code) == (500, "AppFailed")
    assert "call stack" in str(app.log()[-1])


async def test_chance_differs_between_instances_and_calls(app: Pod) -> None:
    first, second = await get(app, "/random")
    assert 0 <= first < 1
    assert first != second


async def test_an_error_has_the_file_and_line_of_the_app(app: Pod) -> None:
    assert (await app.call("GET", "/fails")).status == 500
    assert "(app.js:111:" in str(app.log()[-1])
    assert "genapps:" not in str(app.log()[-1])
