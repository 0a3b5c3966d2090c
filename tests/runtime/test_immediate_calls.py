# SPDX-License-Identifier: Apache-2.0
"""State and SQL without await, in synchronous handlers: what a write does to the request, and the bounds."""

import asyncio
from typing import Any

import pytest

from genapps_runtime.guest.immediate import CALL_BYTES, MOST_CALLS
from tests.runtime.harness import Answer, Pod, until

SOURCE = r"""
import asyncio
import typing
from genapps import SqlError, ToolError, app, state, tools

host = typing.sys.modules["genapps.logs"].host
runs = []
MALFORMED = [
    "", "{", "[]", "null", "1", '{"id":0}', '{"id":1,"tool":{"connector":"a","tool":"b","arguments":{}}}',
    '{"id":0,"timer":{"millis":1}}', '{"id":0,"body":{"chunk":0}}', '{"id":1,"point":"drop"}',
    '{"id":0,"point":"undo"}', '{"id":true,"point":"undo"}', '{"id":17,"point":"begin"}',
    '{"id":1,"point":"begin","more":1}', '{"id":0,"get":{"key":1}}', '{"id":0,"list":{"prefix":"","limit":-1}}',
    "sql\0" + "0\0[]", "sql\0" + "x\0[]\0SELECT 1", "sql\0" + "17\0[]\0SELECT 1", "sql\0" + "0\0[[1]]\0SELECT 1",
    "sql\0" + "0\0{\0SELECT 1", "get\0" + "0", "get\0" + "-1\0a", "[" * 100_000,
    "sql\0" + "0\0" + "[" * 100_000 + "\0SELECT 1", '{"id":0,"sql":{"text":"SELECT 1"}}',
]

@app.get("/make")
def make(request):
    state.sql_sync("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER CHECK (n < 1000))")
    state.sql_sync("INSERT INTO t VALUES (1, 0)")
    return "made"

@app.get("/n")
def number(request):
    return [state.sql_sync("SELECT n FROM t WHERE id = ?", 1)[0]["n"], state.get_sync("n", 0)]

@app.get("/add")
@app.post("/add")
def add(request):
    runs.append("add")
    n = state.sql_sync("SELECT n FROM t")[0]["n"]
    state.put_sync("n", n + 1)
    return state.sql_sync("UPDATE t SET n = ? RETURNING n", n + 1)[0]["n"]

@app.post("/slow-add")
def slow_add(request):
    n = state.sql_sync("SELECT n FROM t")[0]["n"]
    for _ in range(40):  # longer than it takes until the host answers others meanwhile
        state.sql_sync("UPDATE t SET n = n + 0")
        sum(range(5000))
    state.put_sync("n", n + 1)
    state.sql_sync("UPDATE t SET n = ?", n + 1)
    return n + 1

@app.post("/third/{name}")
def third(request, name):
    n = state.get_sync("n", 0)
    state.put_sync("n", n + 1)
    if n % 3 == 0:
        state.sql_sync("UPDATE t SET n = n + 1")
    return n

@app.get("/runs")
def how_often(request):
    return len(runs)

@app.get("/swallow")
async def swallow(request):
    runs.append("swallow")
    try:
        state.sql_sync("UPDATE t SET n = n + 10")
    except BaseException:
        return "swallowed"
    return "written"

@app.get("/swallow-and-wait")
async def swallow_and_wait(request):
    try:
        state.sql_sync("UPDATE t SET n = n + 10")
    except BaseException:
        await asyncio.sleep(30)
    return "written"

@app.get("/fail")
def fail(request):
    state.put_sync("n", 500)
    state.sql_sync("UPDATE t SET n = 500")
    raise ValueError

@app.get("/constraint")
def constraint(request):
    try:
        state.sql_sync("UPDATE t SET n = 1000")
    except SqlError as error:
        return error.code

@app.get("/keys")
def keys(request):
    for name in ("a/1", "a/2", "b"):
        state.put_sync(name, {"name": name})
    state.delete_sync("a/2")
    return [state.list_sync("a/"), state.get_sync("a/2", "gone"), list(state.scan_sync()), state.get_sync("b")]

@app.get("/kept")
def kept(request):
    page = state.list_sync("", limit=1)
    return [page, page.cursor, state.list_sync("", limit=5, cursor=page.cursor), list(state.scan_sync("b"))]

@app.get("/mixed")
async def mixed(request):
    await state.sql("UPDATE t SET n = n + 1")
    state.sql_sync("UPDATE t SET n = n + 1")
    return [(await state.sql("SELECT n FROM t"))[0]["n"], state.sql_sync("SELECT n FROM t")[0]["n"]]

@app.get("/tool-then-write")
async def tool_then_write(request):
    await tools.call("pause", "please")
    state.sql_sync("UPDATE t SET n = n + 1")
    return "written"

@app.get("/write-then-tool")
async def write_then_tool(request):
    state.sql_sync("UPDATE t SET n = n + 1")
    try:
        await tools.call("pause", "please")
    except ToolError as error:
        return error.code

@app.get("/write-beside-tool")
async def write_beside_tool(request):
    task = asyncio.create_task(tools.call("pause", "please"))
    await asyncio.sleep(0.01)
    try:
        state.sql_sync("UPDATE t SET n = n + 1")
    except SqlError as error:
        runs.append("refused")
        await task
        return error.detail

@app.get("/raw/{number}")
def raw(request, number):
    return host.answer(MALFORMED[int(number)])

@app.get("/long/{size}")
def long(request, size):
    return host.answer("sql\0" + "0\0[]\0" + "x" * (int(size) - 9))[:100]

@app.get("/flood")
def flood(request):
    while True:
        try:
            state.get_sync("n")
        except BaseException:
            return "swallowed"

@app.get("/write-loop")
def write_loop(request):
    while True:
        state.sql_sync("UPDATE t SET n = 0")

@app.get("/scan-for-ever")
def scan_for_ever(request):
    while True:
        try:
            state.sql_sync("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r")
        except SqlError:
            pass

class Late:
    def __del__(self):
        state.sql_sync("UPDATE t SET n = n + 1")

@app.get("/del")
def deleted(request):
    Late()
    return "deleted"

@app.get("/cleanup")
async def cleanup(request):
    runs.append("cleanup")
    try:
        await asyncio.sleep(30)
    finally:
        try:
            state.sql_sync("UPDATE t SET n = 999")
        except BaseException as error:
            runs.append(repr(error))

@app.get("/what-ran")
def what_ran(request):
    return runs
"""


async def started(pod: Pod, **changes: Any) -> None:
    pod.write(SOURCE, **{"limits": {"concurrency": 32}, **changes})
    await pod.start()
    assert (await get(pod, "/make")).status == 200


async def get(pod: Pod, path: str, method: str = "GET") -> Answer:
    return await pod.call(method, path)


async def value(pod: Pod, path: str) -> Any:
    answer = await get(pod, path)
    assert answer.status == 200, (answer, pod.log()[-1])
    return answer.json() if "json" in answer.headers["content-type"] else answer.body.decode()


async def test_a_request_that_writes_inside_a_call_runs_again_in_its_turn_and_the_next_ones_start_there(
    pod: Pod,
) -> None:
    await started(pod)
    assert [int((await get(pod, "/add", "POST")).body) for _ in range(3)] == [1, 2, 3]
    assert await value(pod, "/n") == [3, 3]
    assert int(await value(pod, "/runs")) == 4
    assert [line.get("attempts", 1) for line in pod.log() if line["path"] == "/add"] == [2, 1, 1]


async def test_many_at_once_lose_nothing(pod: Pod) -> None:
    await started(pod)
    answers = await asyncio.gather(*[get(pod, "/add") for _ in range(40)])
    assert sorted(int(answer.body) for answer in answers) == list(range(1, 41))
    assert await value(pod, "/n") == [40, 40]


async def test_requests_that_wait_for_keys_and_then_write_by_sql_lose_nothing(pod: Pod) -> None:
    await started(pod)
    for round_ in range(4):
        paths = [f"/third/{number % 5}" for number in range(24)]
        answers = await asyncio.gather(*[get(pod, path, "POST") for path in paths])
        assert sorted(int(answer.body) for answer in answers) == list(range(24 * round_, 24 * (round_ + 1)))
        assert await value(pod, "/n") == [8 * (round_ + 1), 24 * (round_ + 1)]


async def test_others_are_answered_inside_a_slow_call_and_nothing_is_lost(pod: Pod) -> None:
    await started(pod)
    paths = [("/slow-add", "POST"), ("/add", "POST"), ("/n", "GET"), ("/mixed", "GET")] * 6
    answers = await asyncio.gather(*[get(pod, path, method) for path, method in paths])
    assert {answer.status for answer in answers} == {200}
    assert (await value(pod, "/n"))[0] == 6 + 6 + 2 * 6


@pytest.mark.parametrize("path", ["/swallow", "/swallow-and-wait"])
async def test_what_an_attempt_answers_that_swallows_its_end_counts_for_nothing(pod: Pod, path: str) -> None:
    await started(pod)
    assert await value(pod, path) == "written"
    assert await value(pod, "/n") == [10, 0]


async def test_a_request_that_fails_writes_nothing(pod: Pod) -> None:
    await started(pod)
    answer = await get(pod, "/fail")
    assert (answer.status, answer.code) == (500, "AppFailed")
    assert await value(pod, "/n") == [0, 0]
    assert await value(pod, "/constraint") == "SqlConstraint"
    assert await value(pod, "/n") == [0, 0]


async def test_keys_are_read_and_written_without_await(pod: Pod) -> None:
    await started(pod)
    a, b = ["a/1", {"name": "a/1"}], ["b", {"name": "b"}]
    assert await value(pod, "/keys") == [[a], "gone", [a, b], {"name": "b"}]
    assert await value(pod, "/kept") == [[a], "a/1", [b], [b]]


async def test_both_ways_of_sql_are_one_transaction(pod: Pod) -> None:
    await started(pod)
    assert await value(pod, "/mixed") == [2, 2]
    assert await value(pod, "/mixed") == [4, 4]


async def test_a_request_that_has_called_a_tool_does_not_run_again(pod: Pod) -> None:
    await started(pod)
    pod.gateway.answers["pause"] = 200, {"result": 1}
    answer = await get(pod, "/tool-then-write")
    assert (answer.status, answer.code) == (409, "StateConflict")
    assert await value(pod, "/tool-then-write") == "written"  # the path was noted: it has its turn from the start
    assert await value(pod, "/write-then-tool") == "ToolAfterSql"
    assert await value(pod, "/n") == [2, 0]
    assert len(pod.gateway.calls) == 2


async def test_nothing_is_written_while_a_tool_is_called(pod: Pod) -> None:
    await started(pod)
    pod.gateway.hold = asyncio.Event()
    pod.gateway.answers["pause"] = 200, {"result": 1}
    asked = asyncio.create_task(value(pod, "/write-beside-tool"))
    while "refused" not in await value(pod, "/what-ran"):
        pass  # each round asks the pod again
    pod.gateway.hold.set()
    assert "await the tool first" in await asked
    assert await value(pod, "/n") == [0, 0]


async def test_malformed_calls_are_answered_and_the_guest_lives(pod: Pod) -> None:
    await started(pod)
    for number in range(26):
        answer = (await get(pod, f"/raw/{number}")).body.decode()
        assert answer.startswith("!"), (number, answer)
        assert "CallInvalid" in answer, (number, answer)
    assert "SqlTooLarge" not in await value(pod, "/long/15000")
    assert "at most 16384 characters" in await value(pod, f"/long/{CALL_BYTES}")
    assert f"at most {CALL_BYTES} bytes" in await value(pod, f"/long/{CALL_BYTES + 1}")
    assert not pod.log("worker ended")
    assert {line.get("code") for line in pod.log()} == {None}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/flood", 500, "AppFailed"), ("/write-loop", 500, "AppFailed"), ("/scan-for-ever", 504, "ActionTimeout"),
    ],
)  # fmt: skip
async def test_a_flood_of_calls_ends_with_its_request(pod: Pod, path: str, status: int, code: str) -> None:
    await started(pod, time={"actionMillis": 60_000 if status == 500 else 500})
    answers = await asyncio.gather(get(pod, path), get(pod, "/add"))
    assert (answers[0].status, answers[0].code) == (status, code)
    if code == "AppFailed":
        assert f"more than {MOST_CALLS} calls" in next(line for line in pod.log() if line["path"] == path)["detail"]
    assert answers[1].status == 200
    assert await value(pod, "/n") == [1, 1]
    assert not pod.log("worker ended")


async def test_a_destructor_writes_for_the_request_that_runs(pod: Pod) -> None:
    await started(pod)
    assert await value(pod, "/del") == "deleted"
    assert (await value(pod, "/n"))[0] <= 1
    assert not pod.log("worker ended")


async def test_clean_up_after_a_caller_who_left_reads_and_writes_nothing(pod: Pod) -> None:
    await started(pod)
    leaving = asyncio.create_task(get(pod, "/cleanup"))
    while "cleanup" not in await value(pod, "/what-ran"):
        pass  # each round asks the pod again
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await until(lambda: any(line.get("code") == "CallerGone" for line in pod.log()))
    assert "NoAction" in str(await value(pod, "/what-ran"))
    assert await value(pod, "/n") == [0, 0]
