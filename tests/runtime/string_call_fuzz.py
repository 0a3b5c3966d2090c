# SPDX-License-Identifier: Apache-2.0
"""Texts of all sizes through the boundary, each checked on both sides, and every way in which a call can fail.

Each call runs in one piece, and on a fiber that pauses: a record of the log makes the clock of the guests jump.

`python -m ... ENGINE SEED ROUNDS`: a process of its own, because a mistake with wasmtime's memory ends it. Prints by
how many KiB more are allocated after the second half.
"""

import ctypes
import gc
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

from genapps_runtime.guest.c_api import WasmtimeError
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.store import GuestLog, LogSink, ReentrantCallError, Store, ignore_record
from genapps_runtime.guest.string_call import TURN_BYTES, ResultCall, StringCall
from genapps_runtime.guest.turns import Done, parse_turn

SOURCE = """
import random, time, typing
from genapps import app

os, host = random._os, typing.sys.modules["genapps.logs"].host

@app.get("/{size}")
async def pad(request, size):
    await Piece({"text": "\\u20ac" + "y" * int(size) + str(sum(len(name) for name in request.query))})

@app.get("/log/{size}")
async def record(request, size):
    host.log("y" * int(size))
    return [time.time(), len(os.urandom(1000)), len(host.random(100))]

@app.get("/pause/{times}")
async def pause(request, times):
    for time in range(int(times)):
        host.log("y" * time)
    await Piece({"text": "y" * int(times)})

@app.get("/abort")
async def abort(request):
    typing.sys.modules["_signal"].raise_signal(6)

@app.get("/random-hog")
async def much(request):
    host.random(5000)

class Piece:
    def __init__(self, piece):
        self.piece = piece
    def __await__(self):
        yield self.piece
"""
SIZES = (0, 1, 7, 100, 4000, 70_000, 300_000)
LOAD = json.dumps({"entry": "app.py", "files": {"app.py": SOURCE}, "logBytes": 0}).encode()
FAILURES_EVERY = 10
LANGUAGES: list[Language] = []


def main(engine: str, seed: str, rounds: str) -> None:
    chance = random.Random(seed)
    language = Language(engine)
    LANGUAGES.append(language)
    store = _loaded(language)
    start, resume = StringCall(store, "start"), StringCall(store, "resume")
    grown = 0
    for number in range(2 * int(rounds)):
        _exchange(chance, number, start, resume)
        _log(store, start, chance.choice(SIZES))
        _pause(chance, number, store, start, resume)
        if number % FAILURES_EVERY == 0:
            for fail in (
                _abort, _refuse_in_wasmtimes_words, _refuse, _mistake_types, _answer_too_much, _refuse_after_pauses,
                _trap_on_a_fiber, _close_in_a_pause,
            ):  # fmt: skip
                broken = _loaded(language)
                fail(broken, StringCall(broken, "start"))
                broken.close()
        if number == int(rounds) - 1:
            grown = -_allocated_kib()
    print(grown + _allocated_kib())
    store.close()


def _pause(chance: random.Random, number: int, store: Store, start: StringCall, resume: StringCall) -> None:
    times, records, pauses = chance.choice((0, 1, 5, 300)), list[str](), 0
    _jump_at_records(store, records.append)
    ended = start.begin(_request(f"/pause/{times}", number))
    while not ended:
        pauses += 1
        ended = start.go_on()
    turn = start.answer()
    assert turn is not None
    assert json.loads(turn) == {"emit": {"text": "y" * times}}
    assert (len(records), pauses) == (times, max(0, times - 1)), (times, pauses)
    assert resume.begin(json.dumps({"action": number, "cancel": True}).encode())
    assert resume.answer() is not None


def _jump_at_records(store: Store, sink: LogSink) -> None:
    """The first record makes the call slow, every further one makes it pause."""

    def log(record: str) -> None:
        sink(record)
        for _ in range(8):
            LANGUAGES[0]._linker.increment_epoch()

    store.log.sink = log
    assert store.set_deadline(time.monotonic() + 3600) > 0


def _exchange(chance: random.Random, number: int, start: StringCall, resume: StringCall) -> None:
    given, wanted = (chance.randint(0, chance.choice(SIZES)) for _ in range(2))
    turn = start(_request(f"/{wanted}", number, "q" * given))
    assert turn is not None
    assert json.loads(turn) == {"emit": {"text": "\u20ac" + "y" * wanted + str(given)}}
    ended = resume(json.dumps({"action": number, "cancel": True}).encode())
    assert ended is not None
    assert json.loads(ended) == {"failed": {"code": "Cancelled"}}


def _loaded(language: Language) -> Store:
    store = language.instantiate(64 * 1024 * 1024, GuestLog())
    assert ResultCall(store, "load")(LOAD)[0]
    return store


def _request(path: str, number: int = 0, query: str = "") -> bytes:
    request = {"requestId": "r", "method": "GET", "path": path, "query": query, "headers": {}}
    return json.dumps({"action": number, "request": request}).encode()


def _log(store: Store, start: StringCall, size: int) -> None:
    records: list[str] = []
    store.log.sink = records.append
    turn = start(_request(f"/log/{size}"))
    assert turn is not None
    assert isinstance(parse_turn(turn), Done)
    assert records == ["y" * min(size, 64 * 1024)]


def _abort(_store: Store, start: StringCall) -> None:
    _fails(WasmtimeError, start, _request("/abort"))
    _fails(WasmtimeError, start, _request("/1"))


def _refuse_in_wasmtimes_words(_store: Store, start: StringCall) -> None:
    _fails(WasmtimeError, start, _request("/random-hog"))


def _refuse(store: Store, start: StringCall) -> None:
    def sink(_record: str) -> None:
        raise LookupError

    store.log.sink = sink
    _fails(LookupError, start, _request("/log/1000"))


def _mistake_types(store: Store, _start: StringCall) -> None:
    _fails(WasmtimeError, StringCall(store, "load"), LOAD)
    _fails(WasmtimeError, ResultCall(store, "start"), _request("/1000"))
    loaded, refusal = ResultCall(store, "load")(LOAD.replace(b"from genapps", b"from nowhere"))
    assert refusal is not None
    assert not loaded


def _answer_too_much(store: Store, start: StringCall) -> None:
    assert start(_request(f"/{TURN_BYTES}")) is None
    store.close()
    _fails(ValueError, start, _request("/1"))


def _refuse_after_pauses(store: Store, start: StringCall) -> None:
    def sink(record: str) -> None:
        if record == "yyy":
            raise LookupError

    _jump_at_records(store, sink)
    assert not start.begin(_request("/pause/5"))
    assert not start.go_on()
    _fails(LookupError, lambda _text: start.go_on(), b"")


def _trap_on_a_fiber(_store: Store, start: StringCall) -> None:
    _fails(WasmtimeError, start.begin, _request("/abort"))
    _fails(WasmtimeError, start.begin, _request("/1"))


def _close_in_a_pause(store: Store, start: StringCall) -> None:
    _jump_at_records(store, ignore_record)
    assert not start.begin(_request("/pause/5"))
    store.close()
    _fails(ReentrantCallError, lambda _text: start.go_on(), b"")


def _fails(error: type[Exception], call: Callable[[bytes], Any], text: bytes) -> None:
    try:
        call(text)
    except error:
        return
    raise AssertionError(text)


class _Allocated(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


def _allocated_kib() -> int:
    """What is allocated and not freed, by us and by wasmtime; Python keeps its small objects elsewhere."""
    gc.collect()
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Allocated
    found = mallinfo2()
    return int(found.uordblks + found.hblkhd) // 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
