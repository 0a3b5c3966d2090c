# SPDX-License-Identifier: Apache-2.0
"""Python's `sqlite3` in apps, judged by CPython's own: the same code gives the same values and errors."""

import sqlite3
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Pod, serving


def read(file: str) -> list[tuple[str, str]]:
    cases = (Path(__file__).parent / file).read_text(encoding="utf-8").split("=== ")[1:]
    return [(name, code) for name, code in (case.split("\n", 1) for case in cases)]


CASES = read("dbapi_cases.txt")
"""Names and code, in parts: each is a request of its own here, and a run of its own in CPython.

`out` notes values, `fails` the error of a function. A table `t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n)` is there.
What has one part runs once more with all connections to databases in memory: each of them has the table.
"""
PARTS = "\n---\n"
ALL = [(*case, "app.db") for case in (*CASES, *read("dbapi_memory_cases.txt"))]
ALL += [(*case, ":memory:") for case in CASES if PARTS not in case[1]]
pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMON = """
import sqlite3

def world(database, found):
    def connect(**options):
        connection = sqlite3.connect(database, **options)
        if database == ":memory:":
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n)")
        return connection

    def out(*values):
        found.extend(map(repr, values))

    def fails(function, types=False, any_of=()):
        try:
            function()
        except Exception as error:
            name = type(error).__name__
            name = name if name not in any_of else any_of[-1]
            text = str(error)
            if ", and there " in text and text.startswith("Incorrect number"):
                text = text.rstrip(".")
            found.append(name if types else f"{name}: {text}")
        else:
            found.append("no error")

    return {"connect": connect, "out": out, "fails": fails, "sqlite3": sqlite3}
"""
TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n)"
SOURCE = f"""
from genapps import app, state
{COMMON}
@app.post("/new")
async def new(request):
    for row in await state.sql("SELECT name FROM sqlite_master WHERE type = 'table'"):
        if not row[0].startswith(("genapps", "sqlite")):
            await state.sql(f'DROP TABLE "{{row[0]}}"')
    await state.sql("{TABLE}")

@app.post("/run")
async def run(request):
    found = []
    exec(await request.text(), world(request.query["database"], found))
    return found
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with serving(Authority.make(), engine, tmp_path_factory.mktemp("pod"), SOURCE) as pod:
        yield pod


def in_cpython(parts: list[str], database: str) -> list[list[str]]:
    names: dict[str, Any] = {}
    exec(COMMON, names)
    if database != ":memory:":
        connection = sqlite3.connect(database)
        connection.execute(TABLE)
        connection.close()
    results = []
    for part in parts:
        found: list[str] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a connection was not closed, and what 3.12 deprecates
            exec(part, names["world"](database, found))
        results.append(found)
    return results


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "code", "database"), ALL, ids=[f"{name} ({database})" for name, _, database in ALL])
async def test_an_app_gets_what_cpython_gives(pod: Pod, tmp_path: Path, name: str, code: str, database: str) -> None:
    parts = code.split(PARTS)
    expected = in_cpython(parts, database if database == ":memory:" else str(tmp_path / database))
    assert (await pod.call("POST", "/new")).status == 200
    found = []
    for part in parts:
        answer = await pod.call("POST", f"/run?database={database}", data=part.encode())
        assert answer.status == 200, pod.log()[-1]
        found.append(answer.json())
    assert found == expected, name
