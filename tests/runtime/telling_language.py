# SPDX-License-Identifier: Apache-2.0
"""An engine whose guests learn from a test how far they may go: what `now-millis` says is a counter of the test."""

from genapps_runtime.guest.c_api import U64, Value
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.host_functions import WORLD, HostFunction, host_functions
from genapps_runtime.guest.linker import Linker
from genapps_runtime.guest.store import GuestLog, Store


class TellingLanguage(Language):
    """An engine whose `now-millis` says how often it was told to."""

    def __init__(self, engine_file: str) -> None:
        super().__init__(engine_file)
        self.told = 0
        self._telling = Linker(engine_file)
        functions = {name: dict(members) for name, members in host_functions().items()}
        functions[WORLD]["now-millis"] = HostFunction(lambda _store: self.told, None, write_u64)
        for name, members in functions.items():
            self._telling.define(name, members)
        self._telling.trap_on_other_imports()
        self.ticker = type(self.ticker)(self._telling.increment_epoch)

    def instantiate(self, memory_bytes: int, log: GuestLog) -> Store:
        return Store(self._telling, memory_bytes, log)

    def tell(self) -> None:
        self.told += 1


def write_u64(result: Value, value: int) -> None:
    result.of.u64, result.kind = value, U64
