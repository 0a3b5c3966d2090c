# SPDX-License-Identifier: Apache-2.0
"""What an app sees when a statement is refused: each by a live app, which answers afterwards as before."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genapps_runtime.state import sql_rules
from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Pod, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = r"""
from genapps import SqlError, app, state

@app.post("/run")
async def run(request):
    asked = await request.json()
    values = eval(asked["parameters"])
    if asked["write_first"]:
        await state.sql("UPDATE t SET b = b")
    try:
        rows = await state.sql(asked["text"], *values)
    except SqlError as error:
        return {"error": error.code, "detail": error.detail}
    except (TypeError, ValueError, OverflowError) as error:
        return {"error": type(error).__name__, "detail": str(error)}
    return {"rows": [[value.hex() if isinstance(value, bytes) else value for value in row] for row in rows]}

@app.get("/make")
async def make(request):
    await state.put("secret", "of the runtime")
    await state.sql("CREATE TABLE t (a TEXT UNIQUE, b INTEGER)")
    await state.sql("INSERT INTO t VALUES ('first', 1)")
    return "made"

@app.get("/rows")
async def rows(request):
    names = [row[0] for row in await state.sql("SELECT name FROM sqlite_schema WHERE tbl_name NOT GLOB 'genapps*'")]
    return [await state.sql("SELECT * FROM t"), names, await state.get("secret")]
"""
RESERVED, REFUSED, INVALID = "names that begin with genapps_ are the runtime's own", "SqlRefused", "SqlInvalid"
SLOW, LARGE = "SqlTooSlow", "SqlTooLarge"
ENDLESS = "WITH RECURSIVE r(n) AS (VALUES(1) UNION ALL SELECT n + 1 FROM r)"
DOUBLED = "WITH a0 AS (SELECT 1)" + "".join(
    f", a{i} AS (SELECT 1 FROM a{i - 1} UNION ALL SELECT 1 FROM a{i - 1})" for i in range(1, 30)
)
LONGEST = "SELECT 1 -- " + "x" * (sql_rules.TEXT_CHARACTERS - 12)

CASES: list[tuple[str, str, str, str]] = [
    ("ATTACH 'x' AS y", "", REFUSED, "an app has one database: ATTACH is not available"),
    ("ATTACH ? AS y", "':memory:'", REFUSED, "an app has one database"),
    ("DETACH main", "", REFUSED, "DETACH is not available"),
    ("PRAGMA writable_schema = 1", "", REFUSED, "of PRAGMA only"),
    ("PRAGMA table_info(genapps_entries)", "", REFUSED, "the runtime's own"),
    ("PRAGMA user_version", "", REFUSED, "of PRAGMA only"),
    ("PRAGMA index_info(sqlite_stat1)", "", REFUSED, "not available"),
    ("PRAGMA hard_heap_limit = 0", "", REFUSED, "of PRAGMA only"),
    ("PRAGMA journal_mode = DELETE", "", REFUSED, "of PRAGMA only"),
    ("SELECT * FROM pragma_database_list", "", REFUSED, "of PRAGMA only"),
    ("CREATE TEMP TABLE t (a)", "", REFUSED, "temporary tables, indexes, views and triggers are not available"),
    ("CREATE TABLE temp.t (a)", "", REFUSED, "temporary tables"),
    ("CREATE TEMP VIEW genapps AS SELECT 1", "", REFUSED, "temporary"),
    ("CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END", "", REFUSED, "temporary"),
    ("CREATE VIEW v AS SELECT 1", "", REFUSED, "views are not available"),
    ("CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END", "", REFUSED, "triggers are not available"),
    ("CREATE VIRTUAL TABLE f USING fts5(a)", "", REFUSED, "virtual tables (FTS5, R*Tree) are not available"),
    ("CREATE VIRTUAL TABLE f USING fts4(a)", "", REFUSED, "virtual tables"),
    ("CREATE VIRTUAL TABLE f USING rtree(a, b, c)", "", REFUSED, "virtual tables"),
    ("SELECT * FROM dbstat", "", REFUSED, "the table dbstat is not available"),
    ("SELECT * FROM genapps_entries", "", REFUSED, RESERVED),
    ('SELECT * FROM main."GENAPPS_entries"', "", REFUSED, RESERVED),
    ("WITH x AS (SELECT value FROM [Genapps_Entries]) SELECT * FROM x", "", REFUSED, RESERVED),
    ("UPDATE genapps_facet SET tables = 0", "", REFUSED, RESERVED),
    ("DELETE FROM t WHERE a IN (SELECT key FROM genapps_entries)", "", REFUSED, RESERVED),
    ("CREATE TRIGGER g AFTER INSERT ON genapps_entries BEGIN SELECT 1; END", "", REFUSED, RESERVED),
    ("CREATE TRIGGER genapps_g AFTER INSERT ON t BEGIN SELECT 1; END", "", REFUSED, RESERVED),
    ("CREATE INDEX i ON genapps_entries (value)", "", REFUSED, RESERVED),
    ("CREATE INDEX genapps_i ON t (a)", "", REFUSED, RESERVED),
    ("CREATE VIEW v AS SELECT * FROM genapps_entries", "", REFUSED, RESERVED),
    ("CREATE TABLE c AS SELECT * FROM genapps_entries", "", REFUSED, RESERVED),
    ("CREATE TABLE genapps_mine (a)", "", REFUSED, RESERVED),
    ("ALTER TABLE t RENAME TO genapps_t", "", REFUSED, RESERVED),
    ("ALTER TABLE genapps_entries RENAME TO mine", "", REFUSED, RESERVED),
    ("DROP TABLE genapps_entries", "", REFUSED, RESERVED),
    ("CREATE TABLE c (a REFERENCES genapps_entries (key) ON DELETE CASCADE)", "", REFUSED, RESERVED),
    ("UPDATE sqlite_schema SET sql = 'x'", "", INVALID, "may not be modified"),
    ("CREATE TABLE sqlite_mine (a)", "", INVALID, "reserved"),
    ("SELECT load_extension('x')", "", REFUSED, "the function load_extension is not available"),
    ("SELECT fts3_tokenizer('x')", "", REFUSED, "the function fts3_tokenizer is not available"),
    ("SELECT readfile('/etc/passwd')", "", INVALID, "no such function"),
    ("SELECT json_patch('{}', '{}')", "", REFUSED, "the function json_patch is not available"),
    ("BEGIN", "", REFUSED, "a request is one transaction"),
    ("COMMIT", "", REFUSED, "a request is one transaction"),
    ("ROLLBACK", "", REFUSED, "a request is one transaction"),
    ("SAVEPOINT s", "", REFUSED, "a request is one transaction"),
    ("RELEASE genapps_action", "", REFUSED, RESERVED),
    ("VACUUM", "", INVALID, "cannot VACUUM"),
    ("VACUUM INTO '/tmp/copy'", "", INVALID, "cannot VACUUM"),
    ("ANALYZE", "", REFUSED, "ANALYZE and its tables are not available"),
    (LONGEST + "x", "", LARGE, "a statement may have at most 16384 characters"),
    ("SELECT " + ",".join("1" * 101), "", INVALID, "too many columns"),
    ("SELECT " + "+".join("1" * 200), "", INVALID, "Expression tree is too large"),
    (" UNION ALL ".join(["SELECT 1"] * 51), "", INVALID, "too many terms in compound SELECT"),
    ("SELECT 'a' LIKE ?", "'%a' * 26", INVALID, "pattern too complex"),
    ("SELECT ?1001", "", INVALID, "variable number must be between ?1 and ?1000"),
    (f"{ENDLESS} SELECT count(*) FROM r", "", SLOW, "took more than 20 ms of processor time"),
    (f"{ENDLESS} SELECT count(*) FROM r a, r b", "", SLOW, "use an index, or fewer rows at once"),
    (f"{DOUBLED} SELECT 1 FROM a29", "", LARGE, "the statement needs too much memory"),
    (f"{ENDLESS} SELECT n FROM r LIMIT 10001", "", LARGE, "a result may have at most 1048576 bytes and 10000 rows"),
    (f"{ENDLESS} SELECT zeroblob(200000) FROM r LIMIT 6", "", LARGE, "a result may have at most"),
    ("SELECT zeroblob(262145)", "", LARGE, "a text, a blob or a row may have at most 262144 bytes"),
    ("SELECT randomblob(900000000)", "", LARGE, "a text, a blob or a row"),
    ("SELECT hex(zeroblob(200000))", "", LARGE, "a text, a blob or a row"),
    ("SELECT ?", "'x' * 262145", LARGE, "a text, a blob or a row"),
    ("SELECT 1; SELECT 2", "", INVALID, "one statement at a time"),
    ("INSERT INTO t VALUES ('x', 1); DROP TABLE t", "", INVALID, "one statement at a time"),
    ("SELECT", "", INVALID, "incomplete input"),
    ("SELEKT 1", "", INVALID, "syntax error"),
    ("SELECT a FROM missing", "", INVALID, "no such table: missing"),
    ("SELECT '\x00'", "", INVALID, "null character"),
    ("INSERT INTO t VALUES ('first', 2)", "", "SqlConstraint", "UNIQUE constraint failed: t.a"),
    ("SELECT ?, ?", "1", INVALID, "The current statement uses 2, and there are 1 supplied"),
    ("SELECT ?", "1, 2", INVALID, "uses 1, and there are 2 supplied"),
    ("SELECT 1", "1", INVALID, "uses 0, and there are 1 supplied"),
    ("SELECT :a", "{'b': 1}", INVALID, "for binding"),
    ("SELECT ?", "float('nan')", "ValueError", "cannot be NaN or infinite"),
    ("SELECT ?", "float('inf')", "ValueError", "cannot be NaN or infinite"),
    ("SELECT ?", "2**63", "OverflowError", "has at most 64 bits"),
    ("SELECT ?", "-2**63 - 1", "OverflowError", "has at most 64 bits"),
    ("SELECT ?", "[1], 2", "TypeError", "json.dumps(value)"),
    ("SELECT ?", "object()", "TypeError", "not object"),
    ("SELECT ?", "'\\ud800'", "ValueError", "half a character"),
    ("SELECT '\\ud800'", "", "ValueError", "half a character"),
    ("SELECT :\\ud800", "{'\\ud800': 1}", "ValueError", "half a character"),
    ("SELECT CAST(x'ff' AS TEXT)", "", INVALID, "Could not decode to UTF-8"),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(engine: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with serving(authority, engine, tmp_path_factory.mktemp("sql"), SOURCE) as pod:
        assert (await pod.call("GET", "/make")).status == 200
        yield pod


async def run(pod: Pod, text: str, parameters: str = "", *, write_first: bool = False) -> Any:
    values = f"({parameters},)" if parameters else "()"
    # An escape in the text is a character that JSON of aiohttp cannot carry otherwise.
    asked = {"text": text.replace("\\ud800", "\ud800"), "parameters": values, "write_first": write_first}
    answer = await pod.call("POST", "/run", json=asked)
    assert answer.status == 200, (text, answer, pod.log()[-1])
    return answer.json()


async def unharmed(pod: Pod) -> None:
    """Rows, tables and keys are as they were made, and the process is the one that started."""
    expected = [[{"a": "first", "b": 1}], ["t", "sqlite_autoindex_t_1"], "of the runtime"]
    found = (await pod.call("GET", "/rows")).json()
    assert [found[0], sorted(found[1], reverse=True), found[2]] == expected
    assert not pod.log("worker ended")
    assert not pod.log("runtime failed")
    assert not pod.log("guest dropped")


@pytest.mark.parametrize("write_first", [False, True], ids=["reads", "writes"])
@pytest.mark.parametrize(("text", "parameters", "error", "detail"), CASES, ids=[row[0][:50] + row[1] for row in CASES])
async def test_a_statement_that_cannot_run_says_why_and_changes_nothing(
    served: Pod, text: str, parameters: str, error: str, detail: str, write_first: bool
) -> None:
    found = await run(served, text, parameters, write_first=write_first)
    assert found.get("error") == error, found
    assert detail in found["detail"]
    await unharmed(served)


@pytest.mark.parametrize(
    ("text", "parameters", "row"),
    [
        (LONGEST, "", [1]),
        ("SELECT length(?)", "'x' * 262000", [262000]),
        ("SELECT length(zeroblob(262144))", "", [262144]),
        ("SELECT ?", "2**63 - 1", [2**63 - 1]),
        ("SELECT ?", "-2**63", [-(2**63)]),
        ("SELECT ?, typeof(?1)", "b'\\xff\\x00'", ["ff00", "blob"]),
        ("SELECT ?, typeof(?1)", "'a\\x00\\U0001f600'", ["a\0\U0001f600", "text"]),
        ("SELECT typeof(?1), typeof(?2), typeof(?3)", "None, 1.5, True", ["null", "real", "integer"]),
        ("SELECT 'a' LIKE ?", "'%a' * 25", [0]),
        ("SELECT " + ",".join("1" * 100), "", [1] * 100),
        (f"SELECT count(*) FROM ({ENDLESS} SELECT n FROM r LIMIT 3000)", "", [3000]),
        (f"SELECT max(n) FROM ({ENDLESS} SELECT n FROM r LIMIT 3000) ORDER BY n", "", [3000]),
        ("SELECT 1;", "", [1]),
    ],
)
async def test_what_is_at_its_limit_runs(served: Pod, text: str, parameters: str, row: list[Any]) -> None:
    for write_first in (False, True):
        assert await run(served, text, parameters, write_first=write_first) == {"rows": [row]}
    await unharmed(served)


@pytest.mark.parametrize("write_first", [False, True], ids=["reads", "writes"])
async def test_a_sort_ends_at_the_limit_of_time_or_of_memory(served: Pod, write_first: bool) -> None:
    text = f"SELECT length(z) FROM ({ENDLESS} SELECT zeroblob(200000) AS z, n FROM r LIMIT 100000) ORDER BY z, n"
    assert (await run(served, text, write_first=write_first))["error"] in (SLOW, LARGE)
    await unharmed(served)
