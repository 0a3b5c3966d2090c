# SPDX-License-Identifier: Apache-2.0
"""Requests that read and write keys and tables at the same time end as if they had come one after the other.

Each reads some of four cells and writes others with what it has read. Some order of the requests must explain all that
they have read, and what is there at the end.
"""

import asyncio
import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Answer, Pod, serving

SOURCE = """
import json
from genapps import app, state

async def read(cell):
    if cell.startswith("key"):
        return await state.get(cell, 0)
    table, number = cell.split(".")
    return (await state.sql(f"SELECT n FROM {table} WHERE id = ?", int(number)))[0]["n"]

async def write(cell, value):
    if cell.startswith("key"):
        return await state.put(cell, value)
    table, number = cell.split(".")
    await state.sql(f"UPDATE {table} SET n = ? WHERE id = ?", value, int(number))

@app.get("/make")
async def make(request):
    for table in ("t", "u"):
        await state.sql(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, n INTEGER)")
        await state.sql(f"INSERT INTO {table} VALUES (1, 0)")

@app.post("/set")
async def set_all(request):
    for cell, value in (await request.json()).items():
        await write(cell, value)

@app.post("/run")
async def run(request):
    seen = []
    for kind, cell in (await request.json())["steps"]:
        if kind == "read":
            seen.append(await read(cell))
        else:
            await write(cell, sum(seen) * 2 + 1)
    return seen
"""
CELLS = ["key-a", "key-b", "t.1", "u.1"]
Steps = list[tuple[str, str]]
STEPS = st.lists(st.tuples(st.sampled_from(["read", "write"]), st.sampled_from(CELLS)), min_size=1, max_size=4)


class Served:
    """A pod for tests that are no coroutines."""

    def __init__(self, runner: asyncio.Runner, pod: Pod) -> None:
        self._runner = runner
        self._pod = pod

    def together(self, programs: list[Steps]) -> list[Any]:
        """What they have read, run at the same time."""

        async def run() -> list[Answer]:
            return await asyncio.gather(*[self._pod.call("POST", "/run", json={"steps": one}) for one in programs])

        answers = self._runner.run(run())
        assert {answer.status for answer in answers} == {200}, [json.loads(answer.body) for answer in answers]
        return [answer.json() for answer in answers]

    def set_all(self, values: dict[str, int]) -> None:
        answer = self._runner.run(self._pod.call("POST", "/set", json=values))
        assert answer.status == 200


@pytest.fixture(scope="module")
def served(engine: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with asyncio.Runner() as runner:
        pods = serving(authority, engine, tmp_path_factory.mktemp("order"), SOURCE, limits={"concurrency": 16})
        pod = runner.run(pods.__aenter__())
        assert runner.run(pod.call("GET", "/make")).status == 200
        yield Served(runner, pod)
        runner.run(pods.__aexit__(None, None, None))


def run_alone(steps: Steps, cells: dict[str, int]) -> list[int]:
    """What the program reads, and `cells` as it leaves them."""
    seen: list[int] = []
    for kind, cell in steps:
        if kind == "read":
            seen.append(cells[cell])
        else:
            cells[cell] = sum(seen) * 2 + 1
    return seen


def explained(programs: list[Steps], seen: list[Any], first: dict[str, int], last: dict[str, int]) -> bool:
    for order in permutations(range(len(programs))):
        cells = dict(first)
        if all(run_alone(programs[index], cells) == seen[index] for index in order) and cells == last:
            return True
    return False


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=2, max_size=5), st.dictionaries(st.sampled_from(CELLS), st.integers(2, 9)))
def test_some_order_explains_what_requests_saw_and_left(
    served: Served, programs: list[Steps], values: dict[str, int]
) -> None:
    first = {**dict.fromkeys(CELLS, 0), **values}
    served.set_all(first)
    seen = served.together(programs)
    (left,) = served.together([[("read", cell) for cell in CELLS]])
    assert explained(programs, seen, first, dict(zip(CELLS, left, strict=True))), (programs, seen, left)


def test_an_order_that_explains_nothing_is_noticed() -> None:
    lost: list[Steps] = [[("read", "t.1"), ("write", "t.1")]] * 2
    first = dict.fromkeys(CELLS, 0)
    assert not explained(lost, [[0], [0]], first, {**first, "t.1": 1})
    assert explained(lost, [[0], [1]], first, {**first, "t.1": 3})
