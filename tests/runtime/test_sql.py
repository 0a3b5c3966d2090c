# SPDX-License-Identifier: Apache-2.0
"""SQL on the app's state: in one transaction with the keys and with the action, and within the rules for its text."""

import asyncio
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.state.layout import LAYOUT
from tests.runtime.harness import Answer, Pod

SOURCE = """
from genapps import SqlError, ToolError, app, gather, state, tools

TABLE = "CREATE TABLE IF NOT EXISTS guests (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER DEFAULT 0, raw BLOB)"

@app.get("/run")
async def run(request):
    try:
        rows = await state.sql(request.query["q"])
    except SqlError as error:
        return {"code": error.code, "detail": error.detail}
    return {"rows": rows, "rowcount": rows.rowcount, "lastrowid": rows.lastrowid}

@app.get("/make")
async def make(request):
    await state.sql(TABLE)
    return "made"

@app.get("/sign/{name}")
async def sign(request, name):
    await state.sql(TABLE)
    made = await state.sql("INSERT INTO guests (name) VALUES (?)", name)
    await state.put("last", name)
    mine = await state.sql("SELECT name FROM guests WHERE id = :id", {"id": made.lastrowid})
    return [made.rowcount, mine[0]["name"], mine[0][0], await state.get("last")]

@app.get("/names")
async def names(request):
    return [row["name"] for row in await state.sql("SELECT name FROM guests ORDER BY id")]

@app.get("/last")
async def last(request):
    return await state.get("last")

@app.get("/add")
async def add(request):
    return (await state.sql("UPDATE guests SET n = n + 1 RETURNING n"))[0]["n"]

@app.get("/read-and-add")
async def read_and_add(request):
    n = (await state.sql("SELECT n FROM guests"))[0]["n"]
    await state.sql("UPDATE guests SET n = ?", n + 1)
    return n + 1

@app.get("/add-both")
async def add_both(request):
    key = await state.get("n", 0)
    await state.put("n", key + 1)
    await state.sql("UPDATE guests SET n = n + 1")
    return [key + 1, (await state.sql("SELECT n FROM guests"))[0]["n"]]

@app.get("/add-key")
async def add_key(request):
    key = await state.get("n", 0)
    await state.put("n", key + 1)
    return key + 1

@app.get("/copy")
async def copy(request):
    n = (await state.sql("SELECT n FROM guests"))[0]["n"]
    try:
        await tools.call("pause", "please")
    except ToolError:
        pass
    await state.put("copied", n)
    return n

@app.get("/n")
async def count(request):
    return [await state.get("n", 0), (await state.sql("SELECT n FROM guests"))[0]["n"], await state.get("copied")]

@app.get("/fail")
async def fail(request):
    await state.sql("INSERT INTO guests (name) VALUES ('never')")
    await state.put("last", "never")
    raise ValueError

@app.get("/types")
async def types(request):
    values = (None, True, 7, -2**63, 2**63 - 1, 1.5, "\\u00e4\\U0001f600\\0x", b"\\xff\\0")
    row = (await state.sql("SELECT " + ", ".join("?" * len(values)), *values))[0]
    assert list(row) == list(values), list(row)
    (row,) = await state.sql("SELECT 9e999 AS big, x'' AS empty, 1 AS A")
    assert (row["big"], row["empty"], row["a"], len(row)) == (float("inf"), b"", 1, 3)
    assert dict(row) == {"big": float("inf"), "empty": b"", "A": 1}
    refused = []
    for value in (2**63, float("nan"), [[1]], object()):
        try:
            await state.sql("SELECT ?", value)
        except (TypeError, ValueError, OverflowError) as error:
            refused.append(type(error).__name__)
    return refused

@app.get("/tool-first")
async def tool_first(request):
    n = (await state.sql("SELECT n FROM guests"))[0]["n"]
    await tools.call("pause", "please")
    await state.sql("UPDATE guests SET n = ?", n + 10)
    return n + 10

@app.get("/tool-after")
async def tool_after(request):
    await state.sql("UPDATE guests SET n = 50")
    try:
        await tools.call("pause", "please")
    except ToolError as error:
        return [error.code, (await state.sql("SELECT n FROM guests"))[0]["n"]]

@app.get("/both-at-once")
async def both(request):
    try:
        await gather(tools.call("pause", "please"), state.sql("UPDATE guests SET n = 50"))
    except SqlError as error:
        return error.code

@app.get("/many-at-once")
async def many(request):
    found = await gather(*[state.sql("UPDATE guests SET n = n + 1 RETURNING n") for _ in range(5)])
    return [rows[0][0] for rows in found]

@app.get("/fill/{size}")
async def fill(request, size):
    await state.sql("CREATE TABLE IF NOT EXISTS filled (raw BLOB)")
    await state.sql("INSERT INTO filled VALUES (zeroblob(?))", int(size))
    return "filled"

@app.get("/empty")
async def empty(request):
    return (await state.sql("DELETE FROM filled")).rowcount

@app.get("/put/{size}")
async def put(request, size):
    await state.put("large", "x" * int(size))
    return "put"

@app.get("/slow-write")
async def slow_write(request):
    numbers = "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r)"
    await state.sql(f"INSERT INTO guests (name) {numbers} SELECT n FROM r")
"""


async def started(pod: Pod, **changes: Any) -> None:
    pod.write(SOURCE, **changes)
    await pod.start()
    assert (await pod.call("GET", "/make")).status == 200
    answer = await run(pod, "INSERT INTO guests (name) VALUES ('first')")
    assert (answer["rowcount"], answer["lastrowid"]) == (1, 1)


async def run(pod: Pod, text: str) -> Any:
    answer = await pod.call("GET", "/run", params={"q": text})
    assert answer.status == 200, (text, answer)
    return answer.json()


async def test_an_action_sees_its_own_rows_and_keys_and_others_see_both(pod: Pod) -> None:
    await started(pod)
    assert (await pod.call("GET", "/sign/ann")).json() == [1, "ann", "ann", "ann"]
    assert (await pod.call("GET", "/names")).json() == ["first", "ann"]
    assert (await pod.call("GET", "/last")).body == b"ann"


async def test_rows_are_objects_in_answers(pod: Pod) -> None:
    await started(pod)
    answer = await run(pod, "SELECT id, name FROM guests")
    assert answer == {"rows": [{"id": 1, "name": "first"}], "rowcount": -1, "lastrowid": None}


async def test_values_come_back_as_they_were(pod: Pod) -> None:
    await started(pod)
    answer = await pod.call("GET", "/types")
    assert answer.status == 200, pod.log()[-1]["trace"]
    assert answer.json() == ["OverflowError", "ValueError", "TypeError", "TypeError"]


async def test_a_failed_action_leaves_no_rows(pod: Pod) -> None:
    await started(pod)
    assert (await pod.call("GET", "/fail")).code == "AppFailed"
    assert (await pod.call("GET", "/names")).json() == ["first"]
    assert (await pod.call("GET", "/last")).body == b"null"


@pytest.mark.parametrize("callers", [1, 8, 32])
@pytest.mark.parametrize("path", ["/add", "/read-and-add"])
async def test_callers_who_count_by_sql_all_get_an_answer_and_none_is_lost(pod: Pod, path: str, callers: int) -> None:
    await started(pod, limits={"concurrency": 32})

    async def count() -> list[int]:
        return [(await pod.call("GET", path)).json() for _ in range(6)]

    answers = [number for numbers in await asyncio.gather(*[count() for _ in range(callers)]) for number in numbers]
    assert sorted(answers) == list(range(1, 6 * callers + 1))
    assert (await pod.call("GET", "/n")).json() == [0, 6 * callers, None]


async def test_keys_and_rows_are_counted_together(pod: Pod) -> None:
    await started(pod, limits={"concurrency": 32})
    paths = ["/add-both", "/add-key", "/add", "/read-and-add"] * 10
    answers = await asyncio.gather(*[pod.call("GET", path) for path in paths])
    assert {answer.status for answer in answers} == {200}
    assert (await pod.call("GET", "/n")).json()[:2] == [20, 30]


async def test_what_was_read_by_sql_has_not_changed_when_keys_are_stored(pod: Pod) -> None:
    await started(pod)
    changed: list[Answer] = []

    async def meanwhile(_body: dict[str, Any]) -> None:
        if not changed:
            changed.append(await pod.call("GET", "/add"))

    pod.gateway.on_call = meanwhile
    assert (await pod.call("GET", "/copy")).json() == 1
    assert (await pod.call("GET", "/n")).json() == [0, 1, 1]


async def test_a_change_of_keys_is_no_conflict_for_what_was_read_by_sql(pod: Pod) -> None:
    await started(pod)

    async def meanwhile(_body: dict[str, Any]) -> None:
        await pod.call("GET", "/add-key")

    pod.gateway.on_call = meanwhile
    assert (await pod.call("GET", "/copy")).json() == 0
    assert len(pod.gateway.calls) == 1


async def test_an_action_that_called_a_tool_goes_on_in_its_turn_if_nothing_has_changed(pod: Pod) -> None:
    await started(pod)
    pod.gateway.answers["pause"] = 200, {"result": None}
    assert (await pod.call("GET", "/tool-first")).json() == 10
    assert len(pod.gateway.calls) == 1

    async def meanwhile(_body: dict[str, Any]) -> None:
        await pod.call("GET", "/add")

    pod.gateway.on_call = meanwhile
    answer = await pod.call("GET", "/tool-first")
    assert (answer.code, answer.status) == ("StateConflict", 409)
    assert "called pause.please before it wrote by SQL" in answer.json()["detail"]
    pod.gateway.on_call = None
    assert (await pod.call("GET", "/n")).json() == [0, 11, None]


async def test_a_tool_after_a_write_by_sql_is_refused(pod: Pod) -> None:
    await started(pod)
    assert (await pod.call("GET", "/tool-after")).json() == ["ToolAfterSql", 50]
    pod.gateway.answers["pause"] = 200, {"result": None}
    assert (await pod.call("GET", "/both-at-once")).body == b"SqlRefused"
    assert (await pod.call("GET", "/n")).json() == [0, 50, None]


async def test_statements_that_are_asked_for_at_once_run_in_their_order(pod: Pod) -> None:
    await started(pod)
    assert (await pod.call("GET", "/many-at-once")).json() == [1, 2, 3, 4, 5]


async def test_a_write_that_takes_too_long_ends_its_action_and_no_other(pod: Pod) -> None:
    await started(pod, limits={"concurrency": 32})
    paths = ["/add", "/slow-write", "/add", "/add-both", "/slow-write", "/add"]
    answers = await asyncio.gather(*[pod.call("GET", path) for path in paths])
    assert [answer.status for answer in answers] == [200, 500, 200, 200, 500, 200]
    assert "20 ms" in next(line for line in pod.log() if line["status"] == 500)["detail"]
    assert (await pod.call("GET", "/n")).json() == [1, 4, None]
    assert (await pod.call("GET", "/names")).json() == ["first"]


async def test_rows_that_were_answered_survive_a_kill(pod: Pod) -> None:
    await started(pod)
    for expected in (1, 2, 3):
        assert (await pod.call("GET", "/add-both")).json() == [expected, expected]
    assert pod.process is not None
    os.kill(pod.worker(), signal.SIGKILL)
    os.kill(pod.process.pid, signal.SIGKILL)
    await pod.ended()
    await pod.start()
    assert (await pod.call("GET", "/n")).json()[:2] == [3, 3]


async def test_tables_count_for_the_limit_and_a_deletion_makes_room(pod: Pod) -> None:
    await started(pod, limits={"statePerTenantBytes": 600_000})
    statuses = [(await pod.call("GET", "/fill/200000")).status for _ in range(4)]
    assert statuses == [200, 200, 507, 507]
    assert (await pod.call("GET", "/put/200000")).status == 507
    assert (await pod.call("GET", "/add")).json() == 1  # in the place of what is there
    assert (await pod.call("GET", "/empty")).json() == 2
    assert (await pod.call("GET", "/put/200000")).status == 200
    assert [(await pod.call("GET", "/fill/200000")).status for _ in range(2)] == [200, 507]
    await pod.stop()
    await pod.start()
    assert (await pod.call("GET", "/fill/200000")).status == 507


async def test_a_full_disk_is_a_clear_error_for_sql_too(pod: Pod, small_disk: Path) -> None:
    pod.write(SOURCE)
    pod.environment["state_directory"] = str(small_disk)
    await pod.start()
    answers = [await pod.call("GET", "/fill/200000") for _ in range(8)]
    assert answers[0].status == 200
    assert (answers[-1].status, answers[-1].code) == (507, "StateFull")
    assert (await pod.call("GET", "/last")).status == 200
    assert not pod.log("worker ended")


async def test_the_file_of_an_older_runtime_is_brought_forward_and_a_newer_one_refused(pod: Pod) -> None:
    await started(pod)
    assert (await pod.call("GET", "/add-key")).json() == 1
    await pod.stop()
    (file,) = (pod.directory / "state" / "facets-1").glob("*.sqlite")
    connection = sqlite3.connect(file)
    connection.executescript(
        "DROP TABLE guests; DROP TABLE genapps_facet; DROP TABLE genapps_marks; DROP TABLE genapps_ages;"
        "ALTER TABLE genapps_entries RENAME TO entries;"
        "PRAGMA user_version = 0; PRAGMA wal_checkpoint(TRUNCATE)"
    )
    connection.close()
    await pod.start()
    assert (await pod.call("GET", "/add-key")).json() == 2
    assert (await pod.call("GET", "/make")).status == 200
    await pod.stop()
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    connection.close()
    await pod.start(ready=False)
    assert await pod.ended() != 0
    assert pod.termination()["reason"] == "StateUnavailable"
    assert "newer runtime" in pod.termination()["message"]
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT value FROM genapps_entries WHERE key = 'n'").fetchone() == ("2",)
    connection.close()


async def test_hostile_statements_are_answered_and_the_app_lives(pod: Pod) -> None:
    await started(pod)
    endless = "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r)"
    doubled = "WITH a0 AS (SELECT 1)" + "".join(f", a{i} AS (SELECT 1 FROM a{i - 1} UNION ALL SELECT 1 FROM a{i - 1})"
                                                for i in range(1, 30))  # fmt: skip
    expected = {
        "ATTACH 'x' AS y": "SqlRefused",
        "PRAGMA writable_schema = 1": "SqlRefused",
        "CREATE TEMP TABLE guests (a)": "SqlRefused",
        "SELECT * FROM genapps_entries": "SqlRefused",
        "VACUUM INTO '/tmp/copy'": "SqlInvalid",
        "COMMIT": "SqlRefused",
        "SELECT load_extension('x')": "SqlRefused",
        f"{endless} SELECT count(*) FROM r": "SqlTooSlow",
        "SELECT randomblob(900000000)": "SqlTooLarge",
        f"{doubled} SELECT 1 FROM a29": "SqlTooLarge",
        "SELECT zeroblob(900000000)": "SqlTooLarge",
        f"SELECT n FROM ({endless} SELECT n FROM r LIMIT 10001)": "SqlTooLarge",
        "INSERT OR ROLLBACK INTO guests (name) VALUES ('first')": None,
    }
    for text, code in expected.items():
        answer = await pod.call("GET", "/run", params={"q": text})
        if code is None:
            assert answer.code == "AppFailed"
        else:
            assert answer.json().get("code") == code, (text, answer)
        assert (await pod.call("GET", "/names")).json() == ["first"]
    assert (await pod.call("GET", "/add-both")).json() == [1, 1]
    assert not pod.log("worker ended")
    assert not pod.log("runtime failed")
