# SPDX-License-Identifier: Apache-2.0
"""The oracle of the boundary: the same engine and host functions by the stock wrappers of the package `wasmtime`."""

import os
import time
from collections.abc import Callable
from ctypes import cast
from typing import Any

from wasmtime import Config, Engine, Store, WasmtimeError, _bindings
from wasmtime.component import Component, Func, Linker, LinkerInstance, Record

from genapps_runtime.guest import c_api
from genapps_runtime.guest.configuration import FIBER_BYTES, STACK_BYTES
from genapps_runtime.guest.host_functions import RANDOM_BYTES, RECORD_BYTES, WASI, WORLD
from genapps_runtime.guest.immediate import CALL_BYTES, nobody_answers, too_long
from genapps_runtime.guest.precompile import SWITCHES, target
from genapps_runtime.guest.store import ENGINE_LIMITS, GuestLog
from genapps_runtime.guest.ticker import Ticker


class StockLanguage:
    """As `Language`, by the package."""

    def __init__(self, engine_file: str) -> None:
        config = Config()
        config.target = target()
        # The package sets the one and not the other, without which wasmtime takes no stack of this size.
        c_api.config_async_stack_size_set(cast(config.ptr(), c_api.ConfigPtr), FIBER_BYTES)
        config.max_wasm_stack = STACK_BYTES
        for name, on in SWITCHES.items():
            getattr(_bindings, f"wasmtime_config_{name}_set")(config.ptr(), on)
        self.engine = Engine(config)
        self.component = Component.deserialize_file(self.engine, engine_file)
        self.ticker = Ticker(self.engine.increment_epoch)

    def instantiate(self, memory_bytes: int, log: GuestLog) -> tuple[Store, Callable[[str], Func]]:
        """A store, and what finds the exports of its instance."""
        store = Store(self.engine)
        most = ENGINE_LIMITS
        store.set_limits(memory_bytes, most.table_elements, most.instances, most.tables, most.memories)
        store.set_epoch_deadline(2**60)
        instance = self._linked(log).instantiate(store, self.component)

        def export(name: str) -> Func:
            function = instance.get_func(store, name)
            assert function is not None
            return function

        return store, export

    def _linked(self, log: GuestLog) -> Linker:
        linker = Linker(self.engine)
        with linker.root() as root:
            with root.add_instance(WORLD) as host:
                host.add_func("log", lambda _store, text: log.sink(cut(text)))
                host.add_func("now-millis", lambda _store: time.time_ns() // 1_000_000)
                host.add_func("random", lambda _store, size: random(size).hex())
                host.add_func("answer", lambda _store, call: answer(call))
            wasi(root)
        linker.allow_shadowing = True
        linker.define_unknown_imports_as_traps(self.component)
        return linker


def wasi(root: LinkerInstance) -> None:
    with root.add_instance(f"wasi:clocks/wall-clock@{WASI}") as clock:
        clock.add_func("now", lambda _store: wall_clock())
    with root.add_instance(f"wasi:clocks/monotonic-clock@{WASI}") as clock:
        clock.add_func("now", lambda _store: time.monotonic_ns())
    with root.add_instance(f"wasi:random/random@{WASI}") as numbers:
        numbers.add_func("get-random-bytes", lambda _store, size: random(size))
    with root.add_instance(f"wasi:cli/environment@{WASI}") as environment:
        environment.add_func("get-environment", lambda _store: [])
        environment.add_func("get-arguments", lambda _store: [])
    with root.add_instance(f"wasi:filesystem/preopens@{WASI}") as preopens:
        preopens.add_func("get-directories", lambda _store: [])


def cut(text: str) -> str:
    return text.encode()[:RECORD_BYTES].decode(errors="replace")


def answer(call: str) -> str:
    text = call.encode()
    return (nobody_answers(text) if len(text) <= CALL_BYTES else too_long()).decode()


def wall_clock() -> Record:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    now = Record()
    vars(now).update(seconds=seconds, nanoseconds=nanoseconds)
    return now


def random(size: int) -> Any:
    if size > RANDOM_BYTES:
        raise WasmtimeError(f"at most {RANDOM_BYTES} random bytes in one call")
    return os.urandom(size)
