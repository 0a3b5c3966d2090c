# SPDX-License-Identifier: Apache-2.0
"""The functions that a guest may call: our world's, and what the C libraries of Python and of components need of WASI.

Each is a C callback, which must never raise: `HostFunction` turns what a function raises into a trap of the guest,
and keeps the exception for the caller of the guest.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from ctypes import byref
from typing import Any

from genapps_runtime.guest import c_api
from genapps_runtime.guest.c_api import WasmtimeError
from genapps_runtime.guest.immediate import CALL_BYTES, MEMORY, too_long
from genapps_runtime.guest.store import Store, store_of

WORLD = "genapps:app/host@0.1.0"
WASI = "0.2.9"
RANDOM_BYTES = 4096
RECORD_BYTES = 64 * 1024

Write = Callable[[c_api.Value, Any], None]


class HostFunction:
    """A function for guests, as wasmtime calls it.

    `run` gets the calling store and the argument of the kind `parameter` (none when that is None); `write` puts what
    it returns into the result (nothing when there is none).
    """

    def __init__(self, run: Callable[..., Any], parameter: int | None = None, write: Write | None = None) -> None:
        self._run = run
        self._parameter = parameter
        self._write = write
        self.callback = c_api.FunctionCallback(self._called)

    def _called(
        self, _data: Any, context: Any, _type: Any, arguments: Any, count: int, results: Any, wanted: int
    ) -> int:
        store = store_of(context)
        try:
            self._check(arguments, count, wanted)
            given = () if self._parameter is None else (_READ[self._parameter](arguments[0].of),)
            value = self._run(store, *given)
            if self._write is not None:
                self._write(results[0], value)
        except BaseException as error:
            return store.failed(error)
        return 0

    def _check(self, arguments: Any, count: int, wanted: int) -> None:
        """The guest is linked by name only: its types are what we take them for, or the call traps."""
        kinds = [arguments[index].kind for index in range(count)]
        if kinds != ([] if self._parameter is None else [self._parameter]) or wanted != (self._write is not None):
            raise WasmtimeError("the guest declares a host function with other types")


def host_functions(versions: Sequence[str] = (WASI,)) -> Mapping[str, Mapping[str, HostFunction]]:
    """All functions, by the name of their instance and their own; those of WASI in each of these versions.

    There are no open directories, so Python's `open()` raises FileNotFoundError and does not trap.
    """
    functions = {
        WORLD: {
            "log": HostFunction(_log, c_api.STRING),
            "now-millis": HostFunction(lambda store: _now(store) // 1_000_000, None, _write_u64),
            "random": HostFunction(lambda store, size: _random(store, size).hex().encode(), c_api.U32, _write_string),
            "answer": HostFunction(_answer, c_api.STRING, _write_string),
        }
    }
    wasi = _wasi()
    for version in versions:
        functions |= {f"{name}@{version}": members for name, members in wasi.items()}
    return functions


def _wasi() -> dict[str, dict[str, HostFunction]]:
    return {
        "wasi:clocks/wall-clock": {"now": HostFunction(_now, None, _write_datetime)},
        "wasi:clocks/monotonic-clock": {"now": HostFunction(lambda _store: time.monotonic_ns(), None, _write_u64)},
        "wasi:random/random": {"get-random-bytes": HostFunction(_random, c_api.U64, _write_bytes)},
        "wasi:random/insecure-seed": {"insecure-seed": HostFunction(_seed, None, _write_two_u64)},
        "wasi:cli/environment": {
            "get-environment": HostFunction(lambda _store: b"", None, _write_bytes),
            "get-arguments": HostFunction(lambda _store: b"", None, _write_bytes),
        },
        "wasi:filesystem/preopens": {"get-directories": HostFunction(lambda _store: b"", None, _write_bytes)},
    }


def _log(store: Store, record: c_api.ByteVec) -> None:
    """The calling store's GuestLog gets the record, cut at RECORD_BYTES before anything copies it."""
    text = c_api.bytes_of(record, min(record.size, RECORD_BYTES))
    store.log.sink(text.decode(errors="replace"))


def _answer(store: Store, call: c_api.ByteVec) -> bytes:
    """What the action that runs, or the load, answers. A long call is refused before anything copies it."""
    if call.size > CALL_BYTES:
        return too_long()
    text = c_api.bytes_of(call, call.size)
    return store.databases(text) if text[:4] == MEMORY else store.answer(text)


def _now(store: Store) -> int:
    """The wall clock in nanoseconds, or what it said when the action ran before."""
    return time.time_ns() if store.readings is None else store.readings.clock()


def _random(store: Store, size: int) -> bytes:
    if size > RANDOM_BYTES:
        raise WasmtimeError(f"at most {RANDOM_BYTES} random bytes in one call")
    return os.urandom(size) if store.readings is None else store.readings.random(size)


def _seed(store: Store) -> bytes:
    return _random(store, 16)


_READ: dict[int, Callable[[c_api.AnyValue], Any]] = {
    c_api.STRING: lambda value: value.string,
    c_api.U32: lambda value: value.u32,
    c_api.U64: lambda value: value.u64,
}


def _write_u64(result: c_api.Value, value: int) -> None:
    result.of.u64 = value
    result.kind = c_api.U64


def _write_string(result: c_api.Value, value: bytes) -> None:
    c_api.bytes_new(byref(result.of.string), len(value), value)
    result.kind = c_api.STRING


def _write_bytes(result: c_api.Value, value: bytes) -> None:
    """A list of numbers; the empty one is also the empty list of anything else."""
    items = (c_api.Value * len(value))()
    for item, byte in zip(items, value, strict=True):
        item.kind, item.of.u8 = c_api.U8, byte
    c_api.list_new(byref(result.of.list), len(value), items)
    result.kind = c_api.LIST


def _write_two_u64(result: c_api.Value, value: bytes) -> None:
    """A tuple of the numbers in the 16 bytes."""
    items = (c_api.Value * 2)()
    for place, item in enumerate(items):
        item.kind, item.of.u64 = c_api.U64, int.from_bytes(value[8 * place : 8 * place + 8], "little")
    c_api.tuple_new(byref(result.of.tuple), 2, items)
    result.kind = c_api.TUPLE


def _write_datetime(result: c_api.Value, nanoseconds: int) -> None:
    """A record of seconds (u64) and nanoseconds (u32). It takes the names' bytes."""
    entries = (c_api.RecordEntry * 2)()
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    for entry, name in zip(entries, (b"seconds", b"nanoseconds"), strict=True):
        c_api.bytes_new(byref(entry.name), len(name), name)
    entries[0].value.kind, entries[0].value.of.u64 = c_api.U64, seconds
    entries[1].value.kind, entries[1].value.of.u32 = c_api.U32, rest
    c_api.record_new(byref(result.of.record), 2, entries)
    result.kind = c_api.RECORD
