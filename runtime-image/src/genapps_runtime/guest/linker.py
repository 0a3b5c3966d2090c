# SPDX-License-Identifier: Apache-2.0
"""A compiled component with the functions that its instances may call.

Made once per process and never deleted: instances, and the thread that advances the epoch, may use it until the
process ends.
"""

from collections.abc import Mapping
from ctypes import byref

from genapps_runtime.guest import c_api
from genapps_runtime.guest.configuration import configuration
from genapps_runtime.guest.host_functions import HostFunction


class Linker:
    """wasmtime's engine, the component, and what it is linked with."""

    def __init__(self, component_file: str) -> None:
        """Raises WasmtimeError for a file that was compiled by another wasmtime or with another configuration."""
        self.engine = c_api.engine_new_with_config(configuration())  # which takes the configuration
        self.component = c_api.ComponentPtr()
        c_api.check(c_api.component_deserialize_file(self.engine, component_file.encode(), byref(self.component)))
        self.pointer = c_api.linker_new(self.engine)

    def define(self, instance: str, functions: Mapping[str, HostFunction]) -> None:
        """Define `functions` by name in the imported instance `instance`."""
        name = instance.encode()
        root, inner = c_api.linker_root(self.pointer), c_api.LinkerInstancePtr()
        try:
            c_api.check(c_api.linker_instance_add_instance(root, name, len(name), byref(inner)))
            try:
                for function_name, function in functions.items():
                    _define(inner, function_name.encode(), function)
            finally:
                c_api.linker_instance_delete(inner)
        finally:
            c_api.linker_instance_delete(root)

    def trap_on_other_imports(self) -> None:
        """Every import of the component that was not defined traps when it is called."""
        c_api.linker_allow_shadowing(self.pointer, True)
        c_api.check(c_api.linker_define_unknown_imports_as_traps(self.pointer, self.component))

    def increment_epoch(self) -> None:
        """Advance the clock of all stores by one tick; any thread may call it."""
        c_api.engine_increment_epoch(self.engine)


def _define(instance: c_api.LinkerInstancePtr, name: bytes, function: HostFunction) -> None:
    # The linker lives as long as the process, and it holds the callback's address: `function.callback` must stay.
    _DEFINED.append(function)
    c_api.check(c_api.linker_instance_add_func(instance, name, len(name), function.callback, None, c_api.NO_FINALIZER))


_DEFINED: list[HostFunction] = []
