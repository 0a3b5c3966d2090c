# SPDX-License-Identifier: Apache-2.0
"""wasmtime as guests get it: one precompiled language engine, the functions of our world, and the epoch clock.

Of WASI a guest gets clocks, random numbers and an empty environment, all served by `host_functions`. Everything else
that Python's C library imports traps (docs/design). `add_wasip2` is never called, so there is no file, socket,
process or standard stream to misconfigure.
"""

from collections.abc import Sequence

from genapps_runtime.guest.host_functions import WASI, host_functions
from genapps_runtime.guest.linker import Linker
from genapps_runtime.guest.store import GuestLog, Store
from genapps_runtime.guest.ticker import Ticker


class Language:
    """One language engine: loaded once per process, instantiated for each guest."""

    calls_in_place = False
    """Whether code may call tools without await although no text of it says so."""

    def __init__(self, engine_file: str, wasi_versions: Sequence[str] = (WASI,)) -> None:
        """Raises WasmtimeError when the file is not machine code for this wasmtime."""
        self._linker = Linker(engine_file)
        for instance, functions in host_functions(wasi_versions).items():
            self._linker.define(instance, functions)
        self._linker.trap_on_other_imports()
        self.ticker = Ticker(self._linker.increment_epoch)

    def instantiate(self, memory_bytes: int, log: GuestLog) -> Store:
        """A store with one fresh instance. The caller closes it.

        `log` gets what the guest logs. `memory_bytes` bounds each memory of the store. Raises WasmtimeError when the
        engine does not start.
        """
        return Store(self._linker, memory_bytes, log)
