# SPDX-License-Identifier: Apache-2.0
"""A component in the place of an engine: it may export what starts at once, and its bounds are narrower.

What an engine does at its start we have written ourselves. What a component does there is the app's code: it has a
deadline like any other call, and what it takes of the host beside its memory is small.
"""

from genapps_runtime.guest.c_api import WasmtimeError
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.store import GuestLog, Store, StoreLimits
from genapps_runtime.problems import printable
from genapps_runtime.termination import Reason, RefusedError

START_SECONDS = 2.0
"""Less than the loop may be silent: an instance starts on it."""
WASI_VERSIONS = tuple(f"0.2.{patch}" for patch in range(16))
"""Those that libraries of languages were built for, and some to come: they are alike in what apps get."""
LIMITS = StoreLimits(table_elements=65_536, instances=16, tables=8, memories=1)
"""One memory: the tier's `guestMemory` is for each of them."""


class ComponentLanguage(Language):
    """The app's component: loaded once per process, instantiated for each guest."""

    calls_in_place = True

    def __init__(self, machine_code_file: str, start_seconds: float = START_SECONDS) -> None:
        """For the file of `MachineCode`. Raises RefusedError (CodeRejected) when it cannot be linked."""
        try:
            super().__init__(machine_code_file, WASI_VERSIONS)
        except WasmtimeError as error:
            raise _refused(f"the component cannot be linked: {printable(str(error), 200)}") from None
        self._start_seconds = start_seconds

    def instantiate(self, memory_bytes: int, log: GuestLog) -> Store:
        """Raises RefusedError (CodeRejected) when the component does not start in START_SECONDS and `memory_bytes`."""
        self.ticker.enter()
        try:
            return Store(self._linker, memory_bytes, log, LIMITS, self._start_seconds)
        except WasmtimeError as error:
            why = printable(str(error).rpartition("wasm trap: ")[2], 200)
            raise _refused(f"the component does not start within {memory_bytes} bytes of memory: {why}") from None
        finally:
            self.ticker.leave()


def _refused(message: str) -> RefusedError:
    return RefusedError(Reason.CODE_REJECTED, message)
