# SPDX-License-Identifier: Apache-2.0
"""State: applied together or not at all, checked against what was read, durable before the answer."""

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.harness import Answer, Pod, request, until

SOURCE = """
from genapps import ToolError, app, state, tools

@app.get("/n")
async def read(request):
    return await state.get("n", 0)

@app.get("/add")
async def add(request):
    n = await state.get("n", 0) + 1
    await state.put("n", n)
    return n

@app.get("/add-slowly")
async def add_slowly(request):
    n = await state.get("n", 0)
    try:
        await tools.call("pause", "please", n=n)
    except ToolError:
        pass
    await state.put("n", n + 1)
    return n + 1

@app.get("/count-slowly")
async def count_slowly(request):
    seen = await state.list("item/")
    try:
        await tools.call("pause", "please")
    except ToolError:
        pass
    await state.put("count", len(seen))
    return len(seen)

@app.get("/item/{name}")
async def item(request, name):
    await state.put("item/" + name, name)
    return name

@app.get("/write-blindly")
async def write_blindly(request):
    try:
        await tools.call("pause", "please")
    except ToolError:
        pass
    await state.put("n", 100)
    return 100

@app.get("/read-twice")
async def read_twice(request):
    first = await state.get("n", 0)
    try:
        await tools.call("pause", "please")
    except ToolError:
        pass
    return [first, await state.get("n", 0)]

@app.get("/fail-after-writing")
async def fail(request):
    await state.put("n", 1000)
    await state.put("m", 1000)
    raise ValueError

@app.get("/fill/{key}")
async def fill(request, key):
    await state.put(key, "x" * 200_000)
    return key

@app.get("/grow")
async def grow(request):
    found = await state.get("grown", "") + "x" * 100
    await state.put("grown", found)
    return len(found) // 100

@app.get("/grown")
async def grown(request):
    return len(await state.get("grown", "")) // 100

@app.get("/empty/{key}")
async def empty(request, key):
    await state.delete(key)
    return key
"""


REFUSED = 503, {"code": "ConnectorUnavailable", "class": "limit", "detail": "not now"}
"""Whoever asks again with other arguments asks the gateway again."""


def bump(pod: Pod, path: str, times: int) -> None:
    """While the next calls of the tool wait, another request changes the state; that many times."""
    left = [times]

    async def meanwhile(_body: dict[str, Any]) -> None:
        if left[0]:
            left[0] -= 1
            assert (await request("GET", f"http://127.0.0.1:{pod.port}{path}")).status == 200

    pod.gateway.on_call = meanwhile


async def test_an_action_whose_reads_changed_runs_once_more(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    bump(pod, "/add", 1)
    assert (await pod.call("GET", "/add-slowly")).json() == 2
    assert (await pod.call("GET", "/n")).json() == 2
    line = next(line for line in pod.log() if line["path"] == "/add-slowly")
    assert line["attempts"] == 2


async def test_an_action_that_runs_again_has_the_state_to_itself(pod: Pod) -> None:
    pod.write(SOURCE)
    pod.gateway.answers["pause"] = REFUSED
    await pod.start()
    adding: list[asyncio.Task[Answer]] = []

    async def meanwhile(_body: dict[str, Any]) -> None:
        adding.append(asyncio.create_task(pod.call("GET", "/add")))
        if len(adding) == 1:
            await adding[0]  # the first run loses; nobody waits for the second one, which must wait itself

    pod.gateway.on_call = meanwhile
    assert (await pod.call("GET", "/add-slowly")).json() == 2
    assert [(await task).json() for task in adding] == [1, 3]
    assert (await pod.call("GET", "/n")).json() == 3


async def test_an_action_that_keeps_the_state_while_a_tool_does_not_answer_gives_way(pod: Pod) -> None:
    pod.write(SOURCE)
    pod.gateway.answers["pause"] = REFUSED
    await pod.start()
    bump(pod, "/add", 2)  # the second one waits until the action has lost its turn
    answer = await pod.call("GET", "/add-slowly")
    assert (answer.status, answer.code, answer.json()["retryAfter"]) == (503, "Busy", 1)
    assert (await pod.call("GET", "/n")).json() == 2
    assert (await pod.call("GET", "/add")).json() == 3


async def test_an_action_that_called_a_tool_with_success_is_not_run_again(pod: Pod) -> None:
    pod.write(SOURCE)
    pod.gateway.answers["pause"] = 200, {"result": None}
    await pod.start()
    bump(pod, "/add", 1)
    assert (await pod.call("GET", "/add-slowly")).code == "StateConflict"
    assert len(pod.gateway.calls) == 1


async def test_a_listing_that_would_be_longer_now_is_a_change(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    await pod.call("GET", "/item/a")
    bump(pod, "/item/b", 1)
    assert (await pod.call("GET", "/count-slowly")).json() == 2


async def test_a_change_of_something_else_is_no_conflict(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    bump(pod, "/item/a", 1)
    assert (await pod.call("GET", "/add-slowly")).json() == 1
    assert len(pod.gateway.calls) == 1


async def test_writing_without_reading_is_no_conflict(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    bump(pod, "/add", 1)
    assert (await pod.call("GET", "/write-blindly")).json() == 100
    assert (await pod.call("GET", "/n")).json() == 100


async def test_an_action_reads_one_snapshot(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    bump(pod, "/add", 1)
    assert (await pod.call("GET", "/read-twice")).json() == [0, 0]
    assert (await pod.call("GET", "/n")).json() == 1


@pytest.mark.parametrize("callers", [2, 8, 32])
async def test_callers_who_count_at_the_same_time_all_get_an_answer_and_none_is_lost(pod: Pod, callers: int) -> None:
    pod.write(SOURCE, limits={"concurrency": 32})
    await pod.start()

    async def count() -> list[int]:
        return [(await pod.call("GET", "/add")).json() for _ in range(10)]

    answers = [number for numbers in await asyncio.gather(*[count() for _ in range(callers)]) for number in numbers]
    assert sorted(answers) == list(range(1, 10 * callers + 1))
    assert (await pod.call("GET", "/n")).json() == 10 * callers


async def test_reads_do_not_wait_for_the_one_that_has_the_state(pod: Pod) -> None:
    pod.write(SOURCE)
    pod.gateway.answers["pause"] = REFUSED
    await pod.start()
    seen: list[Any] = []

    async def meanwhile(_body: dict[str, Any]) -> None:
        if not seen:
            assert (await pod.call("GET", "/add")).status == 200
        seen.append((await pod.call("GET", "/n")).json())

    pod.gateway.on_call = meanwhile
    assert (await pod.call("GET", "/add-slowly")).json() == 2
    assert seen == [1, 1]


async def test_what_a_chain_could_not_store_is_not_seen_by_the_next(pod: Pod) -> None:
    pod.write(SOURCE, limits={"statePerTenantBytes": 1000, "concurrency": 32})
    await pod.start()
    answers = await asyncio.gather(*[pod.call("GET", "/grow") for _ in range(40)])
    stored = [answer.json() for answer in answers if answer.status == 200]
    assert {answer.status for answer in answers} == {200, 507}
    assert sorted(stored) == list(range(1, len(stored) + 1))
    assert (await pod.call("GET", "/grown")).json() == len(stored)


async def test_a_failed_action_writes_nothing(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    assert (await pod.call("GET", "/fail-after-writing")).code == "AppFailed"
    assert (await pod.call("GET", "/n")).json() == 0


async def test_what_was_answered_survives_a_kill(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    for expected in (1, 2, 3):
        assert (await pod.call("GET", "/add")).json() == expected
    assert pod.process is not None
    os.kill(pod.worker(), signal.SIGKILL)
    os.kill(pod.process.pid, signal.SIGKILL)
    await pod.ended()
    await pod.start()
    assert (await pod.call("GET", "/n")).json() == 3


async def test_a_full_facet_refuses_writes_and_takes_them_again_after_a_deletion(pod: Pod) -> None:
    pod.write(SOURCE, limits={"statePerTenantBytes": 500_000})
    await pod.start()
    statuses = [(await pod.call("GET", f"/fill/{key}")).status for key in "abc"]
    assert statuses == [200, 200, 507]
    assert (await pod.call("GET", "/n")).status == 200
    assert (await pod.call("GET", "/fill/a")).status == 200  # in the place of what is there
    assert (await pod.call("GET", "/empty/a")).status == 200
    assert (await pod.call("GET", "/fill/c")).status == 200


async def test_facets_are_files_named_by_the_hash_of_their_tenant(pod: Pod) -> None:
    pod.write(SOURCE)
    await pod.start()
    await pod.call("GET", "/add")
    names = {path.name.partition(".")[0] for path in (pod.directory / "state" / "facets-1").iterdir()}
    assert names == {"37a8eec1ce19687d132fe29051dca629d164e2c4958ba141d5f4133a33f0688f"}


async def test_a_full_disk_is_a_clear_error_and_the_app_stays_up(pod: Pod, small_disk: Path) -> None:
    pod.write(SOURCE)
    pod.environment["state_directory"] = str(small_disk)
    await pod.start()
    answers = [await pod.call("GET", f"/fill/{key}") for key in "abcdefgh"]
    assert answers[0].status == 200
    assert (answers[-1].status, answers[-1].code) == (507, "StateFull")
    assert "disk" in answers[-1].json()["detail"]
    assert (await pod.call("GET", "/n")).json() == 0
    assert not pod.log("worker ended")


async def test_keys_expire_as_the_config_says_also_while_nothing_runs(pod: Pod) -> None:
    pod.write(SOURCE, retention={"stateSeconds": 3600})
    await pod.start()
    assert (await pod.call("GET", "/add")).json() == 1
    assert await pod.stop() == 0
    (file,) = pod.directory.rglob("*.sqlite")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        assert connection.execute("UPDATE genapps_ages SET until = 1").rowcount == 1
    await pod.start()
    assert (await pod.call("GET", "/n")).json() == 0
    with closing(sqlite3.connect(file)) as connection:
        await until(lambda: connection.execute("SELECT count(*) FROM genapps_entries").fetchone() == (0,))
    assert (await pod.call("GET", "/add")).json() == 1
