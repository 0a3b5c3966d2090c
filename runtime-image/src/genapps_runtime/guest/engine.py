# SPDX-License-Identifier: Apache-2.0
"""wasmtime as guests get it: one precompiled language engine, the functions of our world, and the epoch clock.

Of WASI a guest gets clocks, random numbers and an empty environment, all served by this module. Everything else
that Python's C library imports traps (docs/design). `add_wasip2` is never called, so there is no file, socket,
process or standard stream to misconfigure.
"""

import math
import os
import threading
import time

from wasmtime import Engine, Store, WasmtimeError
from wasmtime.component import Component, Func, Linker, LinkerInstance, Record

from genapps_runtime.guest.log_import import GuestLog, add_log
from genapps_runtime.guest.precompile import engine_config

WORLD = "genapps:app/host@0.1.0"
WASI = "0.2.9"
TICK_SECONDS = 0.005
RANDOM_BYTES = 4096
QUIET_TICKS = 20
_NEVER_TICKS = 2**60


class Ticker:
    """Advances the engine's epoch every 5 ms while guests run, from a thread of its own.

    Guests run without the interpreter lock, so the thread runs meanwhile. It sleeps when no guest has run for a
    while: an idle app causes no wake-ups.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._wanted = threading.Event()
        self._asleep = True
        self._running = False
        self._calls = 0
        threading.Thread(target=self._run, name="epoch", daemon=True).start()

    def enter(self) -> None:
        """A guest call begins. This is cheap while the thread is awake."""
        self._calls += 1
        self._running = True  # before looking at _asleep; the thread does it the other way round
        if self._asleep:
            self._wanted.set()

    def leave(self) -> None:
        """The guest call ended."""
        self._running = False

    def _run(self) -> None:
        while True:
            if not self._running:
                self._wanted.wait()
            self._wanted.clear()
            self._asleep = False
            self._tick_until_quiet()
            self._asleep = True

    def _tick_until_quiet(self) -> None:
        quiet, seen, ticked = 0, -1, 0
        begun = time.monotonic()
        while quiet < QUIET_TICKS:
            quiet = quiet + 1 if self._calls == seen and not self._running else 0
            seen = self._calls
            time.sleep(TICK_SECONDS)
            # By the clock, not by turns of this loop: a guest that calls the host without end holds the
            # interpreter's lock, and with it this thread.
            due = int((time.monotonic() - begun) / TICK_SECONDS)
            for _ in range(due - ticked):
                self._engine.increment_epoch()
            ticked = due


class Language:
    """One language engine: loaded once per process, instantiated for each guest."""

    def __init__(self, engine_file: str) -> None:
        self.engine = Engine(engine_config())
        self.component = Component.deserialize_file(self.engine, engine_file)
        self.ticker = Ticker(self.engine)
        self._linker = self._link()

    def instantiate(self, memory_bytes: int, log: GuestLog) -> tuple[Store, dict[str, Func]]:
        """A store with one fresh instance, and the instance's exports by name.

        `log` gets what the guest logs. `memory_bytes` bounds each memory of the store. The caller closes the store
        after the last call of a function. Raises WasmtimeError when the engine does not start.
        """
        store = Store(self.engine, log)
        store.set_limits(memory_size=memory_bytes, table_elements=100_000, instances=64, tables=32, memories=8)
        store.set_epoch_deadline(_NEVER_TICKS)
        instance = self._linker.instantiate(store, self.component)
        functions = {}
        for name in ("load", "start", "resume", "fallback"):
            function = instance.get_func(store, name)
            if function is None:
                raise WasmtimeError(f"the engine has no export {name!r}")
            functions[name] = function
        return store, functions

    def _link(self) -> Linker:
        linker = Linker(self.engine)
        with linker.root() as root:
            with root.add_instance(WORLD) as host:
                add_log(host)
                host.add_func("now-millis", lambda _store: time.time_ns() // 1_000_000)
                host.add_func("random", lambda _store, size: _random(size).hex())
            _add_wasi(root)
        linker.allow_shadowing = True
        linker.define_unknown_imports_as_traps(self.component)
        return linker


def ticks(seconds: float) -> int:
    """The number of epochs that last at least `seconds`."""
    return max(1, math.ceil(seconds / TICK_SECONDS) + 1)


def _add_wasi(root: LinkerInstance) -> None:
    """The functions that Python calls for `time`, `datetime`, `random`, `uuid` and at start-up.

    There are no open directories, so `open()` raises FileNotFoundError and does not trap.
    """
    with root.add_instance(f"wasi:clocks/wall-clock@{WASI}") as clock:
        clock.add_func("now", lambda _store: _wall_clock())
    with root.add_instance(f"wasi:clocks/monotonic-clock@{WASI}") as clock:
        clock.add_func("now", lambda _store: time.monotonic_ns())
    with root.add_instance(f"wasi:random/random@{WASI}") as random:
        random.add_func("get-random-bytes", lambda _store, size: _random(size))
    with root.add_instance(f"wasi:cli/environment@{WASI}") as environment:
        environment.add_func("get-environment", lambda _store: [])
        environment.add_func("get-arguments", lambda _store: [])
    with root.add_instance(f"wasi:filesystem/preopens@{WASI}") as preopens:
        preopens.add_func("get-directories", lambda _store: [])


def _wall_clock() -> Record:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    now = Record()
    vars(now).update(seconds=seconds, nanoseconds=nanoseconds)
    return now


def _random(size: int) -> bytes:
    if size > RANDOM_BYTES:
        raise WasmtimeError(f"at most {RANDOM_BYTES} random bytes in one call")
    return os.urandom(size)
