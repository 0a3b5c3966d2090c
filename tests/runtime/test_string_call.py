# SPDX-License-Identifier: Apache-2.0
"""Our boundary against the stock wrappers of the package `wasmtime`: the same turns, traps and errors; nothing lost or
freed twice."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genapps_runtime.guest.c_api import WasmtimeError
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.store import GuestLog
from genapps_runtime.guest.string_call import TURN_BYTES, ResultCall, StringCall
from genapps_runtime.guest.turns import Calls, Done, Emit, parse_turn
from tests.runtime.hostile import SOURCE
from tests.runtime.stock_engine import StockLanguage

OWN = """

@app.get("/emit/{size}")
async def emit(request, size):
    await Piece({"text": "x" * int(size)})

class Piece:
    def __init__(self, piece):
        self.piece = piece
    def __await__(self):
        yield self.piece

@app.get("/echo")
async def echo(request):
    return {"query": request.query_list, "headers": request.headers, "text": await request.text()}

@app.get("/ask")
async def ask(request):
    return [await state.get("a"), await state.list("b")]
"""
MEMORY = 64 * 1024 * 1024


LOAD = {"entry": "app.py", "files": {"app.py": SOURCE + OWN}, "logBytes": 1000}


class Stock:
    """A guest as the package calls it."""

    def __init__(self, language: StockLanguage) -> None:
        self.ticker = language.ticker
        self.log = GuestLog()
        self.store, export = language.instantiate(MEMORY, self.log)
        loaded = export("load")(self.store, json.dumps(LOAD))
        self.loaded = (loaded.tag == "ok", loaded.payload)
        self.functions = {name: export(name) for name in ("start", "resume")}

    def call(self, name: str, text: str) -> str | None:
        answer: str = self.functions[name](self.store, text)
        return answer

    def says(self, name: str, text: str) -> Any:
        """The turn, or what kind of error with what text."""
        return said(self, name, text)


class Own:
    """The same, called as the runtime does."""

    def __init__(self, language: Language) -> None:
        self.ticker = language.ticker
        self.log = GuestLog()
        self.store = language.instantiate(MEMORY, self.log)
        loaded, answer = ResultCall(self.store, "load")(json.dumps(LOAD).encode())
        assert answer is not None
        self.loaded = (loaded, answer.decode())
        self.functions = {name: StringCall(self.store, name) for name in ("start", "resume")}

    def call(self, name: str, text: str) -> str | None:
        answer = self.functions[name](text.encode())
        return None if answer is None else answer.decode()

    def says(self, name: str, text: str) -> Any:
        return said(self, name, text)


Sides = tuple[Stock, Own]


def said(side: Stock | Own, name: str, text: str) -> Any:
    side.ticker.enter()
    try:
        return side.call(name, text)
    except Exception as error:
        kind = WasmtimeError if type(error) is wasmtime.WasmtimeError else type(error)
        return kind, re.sub("0x[0-9a-f]+", "0x", str(error))
    finally:
        side.ticker.leave()


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


@pytest.fixture(scope="module")
def stock_language(engine: Path) -> StockLanguage:
    return StockLanguage(str(engine))


@pytest.fixture
def sides(language: Language, stock_language: StockLanguage) -> Iterator[Sides]:
    pair = Stock(stock_language), Own(language)
    yield pair
    for side in pair:
        side.store.close()


@pytest.fixture(scope="module")
def lasting(language: Language, stock_language: StockLanguage) -> Iterator[Sides]:
    """For what breaks no guest."""
    pair = Stock(stock_language), Own(language)
    yield pair
    for side in pair:
        side.store.close()


def start(path: str, **request: Any) -> str:
    whole = {"requestId": "r", "method": "GET", "path": path, "query": "", "headers": {}} | request
    return json.dumps({"action": 1, "request": whole}, ensure_ascii=False)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXT, st.dictionaries(TEXT, TEXT, max_size=5), TEXT, st.integers(1, 20))
def test_both_give_the_same_turn_for_any_request(
    lasting: Sides, query: str, headers: dict[str, str], body: str, times: int
) -> None:
    request = start("/echo", query=query, headers=headers, body={"text": body * times}, bodyChunks=1)
    stock, own = (side.says("start", request) for side in lasting)
    assert stock == own
    assert isinstance(parse_turn(own.encode()), Done | Emit)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(TEXT, st.integers() | TEXT, max_size=5), TEXT)
def test_both_give_the_same_turns_for_any_results(lasting: Sides, listed: dict[str, Any], value: str) -> None:
    results = [{"1": {"ok": json.dumps(value)}}, {"2": {"ok": {key: json.dumps(item) for key, item in listed.items()}}}]
    said: list[list[Any]] = []
    for side in lasting:
        answers = [json.dumps({"action": 1, "results": result}, ensure_ascii=False) for result in results]
        said.append([side.says("start", start("/ask")), *(side.says("resume", answer) for answer in answers)])
    assert said[0] == said[1]
    assert [type(parse_turn(turn.encode())) for turn in said[1]] == [Calls, Calls, Done]


@pytest.mark.parametrize(
    "path",
    [
        "/abort", "/recurse-without-limit", "/nested", "/raise-unprintable",
        "/break-engine", "/random-hog", "/allocate", "/raise", "/surrogate", "/forge/surrogate", "/forge/empty",
        "/nowhere",
    ],
)  # fmt: skip
def test_both_fail_in_the_same_way_and_again_at_the_next_call(sides: Sides, path: str) -> None:
    for text in (start(path), start("/fine")):
        stock, own = (side.says("start", text) for side in sides)
        assert stock == own


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\0", '{"action": 1}', '{"action": 9, "results": {}}'])
@pytest.mark.parametrize("name", ["start", "resume"])
def test_both_fail_in_the_same_way_for_a_message_that_is_none(sides: Sides, name: str, text: str) -> None:
    stock, own = (side.says(name, text) for side in sides)
    assert stock == own
    assert own[0] is WasmtimeError


def test_both_end_at_the_deadline(sides: Sides) -> None:
    stock, own = sides
    stock.store.set_epoch_deadline(2)
    assert own.store.set_deadline(time.monotonic() + 0.05) > 0
    ends = [side.says("start", start("/loop-in-c")) for side in sides]
    # Where in the loop they were is chance; how it is told is not.
    causes = {text.rpartition("Caused by:")[2] for _, text in ends}
    assert causes == {"\n    wasm trap: interrupt\n"}
    assert {kind for kind, _ in ends} == {WasmtimeError}


class FullError(Exception):
    pass


def test_what_a_host_function_raises_comes_out_of_both(sides: Sides) -> None:
    def refuse(_record: str) -> None:
        raise FullError("no more")

    for side in sides:
        side.log.sink = refuse
    stock, own = (side.says("start", start("/log-nonsense")) for side in sides)
    assert stock == own == (FullError, "no more")


def test_a_closed_store_is_an_error_of_both(language: Language, stock_language: StockLanguage) -> None:
    stock, own = Stock(stock_language), Own(language)
    for side in (stock, own):
        side.store.close()
    assert stock.says("start", start("/fine")) == own.says("start", start("/fine"))
    assert own.says("start", start("/fine"))[0] is not None


def test_a_turn_is_taken_up_to_its_limit_and_not_copied_beyond(sides: Sides) -> None:
    stock, own = sides
    frame = len(stock.says("start", start("/emit/0")))
    for size in (TURN_BYTES - 1, TURN_BYTES):
        assert own.says("start", start(f"/emit/{size - frame}")) == stock.says("start", start(f"/emit/{size - frame}"))
    assert own.says("start", start(f"/emit/{TURN_BYTES - frame + 1}")) is None
    assert len(stock.says("start", start(f"/emit/{TURN_BYTES - frame + 1}"))) == TURN_BYTES + 1


CHECKED = Path("/lib/x86_64-linux-gnu/libc_malloc_debug.so.0")


def test_nothing_is_freed_twice_or_read_after_it_was_freed(engine: Path) -> None:
    strict = {"MALLOC_PERTURB_": "165", "MALLOC_CHECK_": "3"}
    if CHECKED.exists():
        strict["LD_PRELOAD"] = str(CHECKED)
    fuzz(engine, 1, 400, strict)


def test_no_memory_is_lost(engine: Path) -> None:
    """About 30 MB went each way, and each way to fail came a hundred times."""
    assert fuzz(engine, 2, 1000, {}) < 150


def fuzz(engine: Path, seed: int, rounds: int, environment: dict[str, str]) -> int:
    """Run it in a process; returns by how many KiB it grew."""
    command = [sys.executable, "-m", "tests.runtime.string_call_fuzz", str(engine), str(seed), str(rounds)]
    ended = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)
