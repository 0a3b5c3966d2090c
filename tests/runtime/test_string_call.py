# SPDX-License-Identifier: Apache-2.0
"""The raw call into a guest against the stock one: the same turns, traps and errors; nothing lost or freed twice."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wasmtime import Store, WasmtimeError
from wasmtime.component import Func

from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.log_import import GuestLog
from genapps_runtime.guest.string_call import TURN_BYTES, StringCall
from genapps_runtime.guest.turns import Calls, Done, parse_turn
from tests.runtime.hostile import SOURCE

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


class Stock:
    """A guest as the wrapper calls it."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.log = GuestLog()
        self.store, functions = language.instantiate(MEMORY, self.log)
        load = {"entry": "app.py", "files": {"app.py": SOURCE + OWN}, "logBytes": 1000}
        assert functions["load"](self.store, json.dumps(load)).tag == "ok"
        self.functions = {name: self.called(functions[name]) for name in ("start", "resume")}

    def called(self, function: Func) -> Callable[[Store, str], str | None]:
        stock: Callable[[Store, str], str] = function
        return stock

    def says(self, name: str, text: str) -> Any:
        """The turn, or what kind of error with what text."""
        self.language.ticker.enter()
        try:
            return self.functions[name](self.store, text)
        except Exception as error:
            return type(error), re.sub("0x[0-9a-f]+", "0x", str(error))
        finally:
            self.language.ticker.leave()


class Raw(Stock):
    """The same, called as the runtime does."""

    def called(self, function: Func) -> Callable[[Store, str], str | None]:
        raw = StringCall(function)

        def call(store: Store, text: str) -> str | None:
            answer = raw(store, text.encode())
            return None if answer is None else answer.decode()

        return call


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


@pytest.fixture
def sides(language: Language) -> Iterator[tuple[Stock, Raw]]:
    pair = Stock(language), Raw(language)
    yield pair
    for side in pair:
        side.store.close()


@pytest.fixture(scope="module")
def lasting(language: Language) -> Iterator[tuple[Stock, Raw]]:
    """For what breaks no guest."""
    pair = Stock(language), Raw(language)
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
    lasting: tuple[Stock, Raw], query: str, headers: dict[str, str], body: str, times: int
) -> None:
    request = start("/echo", query=query, headers=headers, body={"text": body * times}, bodyChunks=1)
    stock, raw = (side.says("start", request) for side in lasting)
    assert stock == raw
    assert isinstance(parse_turn(raw.encode()), Done)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(TEXT, st.integers() | TEXT, max_size=5), TEXT)
def test_both_give_the_same_turns_for_any_results(
    lasting: tuple[Stock, Raw], listed: dict[str, Any], value: str
) -> None:
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
        "/abort", "/exit", "/recurse-without-limit", "/nested", "/raise-unprintable", "/sleep-below", "/write-stdout",
        "/break-engine", "/random-hog", "/allocate", "/raise", "/surrogate", "/forge/surrogate", "/forge/empty",
        "/nowhere",
    ],
)  # fmt: skip
def test_both_fail_in_the_same_way_and_again_at_the_next_call(sides: tuple[Stock, Raw], path: str) -> None:
    for text in (start(path), start("/fine")):
        stock, raw = (side.says("start", text) for side in sides)
        assert stock == raw


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "\0", '{"action": 1}', '{"action": 9, "results": {}}'])
@pytest.mark.parametrize("name", ["start", "resume"])
def test_both_fail_in_the_same_way_for_a_message_that_is_none(sides: tuple[Stock, Raw], name: str, text: str) -> None:
    stock, raw = (side.says(name, text) for side in sides)
    assert stock == raw
    assert raw[0] is WasmtimeError


def test_both_end_at_the_deadline(sides: tuple[Stock, Raw]) -> None:
    for side in sides:
        side.store.set_epoch_deadline(2)
    stock, raw = (side.says("start", start("/loop-in-c")) for side in sides)
    assert "wasm trap: interrupt" in stock[1]
    assert "wasm trap: interrupt" in raw[1]
    assert stock[0] is raw[0] is WasmtimeError


class FullError(Exception):
    pass


def test_what_a_host_function_raises_comes_out_of_both(sides: tuple[Stock, Raw]) -> None:
    def refuse(_record: str) -> None:
        raise FullError("no more")

    for side in sides:
        side.log.sink = refuse
    stock, raw = (side.says("start", start("/log-nonsense")) for side in sides)
    assert stock == raw == (FullError, "no more")


def test_a_closed_store_is_an_error_of_both(language: Language) -> None:
    stock, raw = Stock(language), Raw(language)
    for side in (stock, raw):
        side.store.close()
    assert stock.says("start", start("/fine")) == raw.says("start", start("/fine"))
    assert raw.says("start", start("/fine"))[0] is not None


def test_a_turn_is_taken_up_to_its_limit_and_not_copied_beyond(sides: tuple[Stock, Raw]) -> None:
    stock, raw = sides
    frame = len(stock.says("start", start("/emit/0")))
    for size in (TURN_BYTES - 1, TURN_BYTES):
        assert raw.says("start", start(f"/emit/{size - frame}")) == stock.says("start", start(f"/emit/{size - frame}"))
    assert raw.says("start", start(f"/emit/{TURN_BYTES - frame + 1}")) is None
    assert len(stock.says("start", start(f"/emit/{TURN_BYTES - frame + 1}"))) == TURN_BYTES + 1


CHECKED = Path("/lib/x86_64-linux-gnu/libc_malloc_debug.so.0")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_memory_is_lost_freed_twice_or_read_after_it_was_freed(engine: Path, seed: int) -> None:
    strict = {"MALLOC_PERTURB_": "165", "MALLOC_CHECK_": "3"}
    if CHECKED.exists():
        strict["LD_PRELOAD"] = str(CHECKED)
    command = [sys.executable, "-m", "tests.runtime.string_call_fuzz", str(engine), str(seed), "1000"]
    ended = subprocess.run(command, env={**os.environ, **strict}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) < 4 * 1024  # of about 27 MB that went each way
