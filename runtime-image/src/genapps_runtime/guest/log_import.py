# SPDX-License-Identifier: Apache-2.0
"""The host function `log`, linked without wasmtime's stock wrapper.

The wrapper copies a guest's string three times before its size can be checked: 20 MB of guest memory took 80 MB of
the pod's. The calls are the same as in `wasmtime.component._linker.func_impl`, for one parameter of known type.
"""

import ctypes
from collections.abc import Callable
from typing import Any

from wasmtime import WasmtimeError, _ffi
from wasmtime._value import _unintern
from wasmtime.component import LinkerInstance
from wasmtime.component._enter import catch_exceptions
from wasmtime.component._linker import func_finalize

RECORD_BYTES = 64 * 1024

_kept: list[Any] = []
"""Callbacks live as long as the process: linkers hold their addresses."""


LogSink = Callable[[str], None]


def ignore_record(_record: str) -> None:
    """The sink while no action runs."""


class GuestLog:
    """The data of a guest's store. `sink` gets the records of the action that runs."""

    __slots__ = ("sink",)

    def __init__(self) -> None:
        self.sink: LogSink = ignore_record


def add_log(host: LinkerInstance) -> None:
    """Define `log` in `host`: the calling store's GuestLog gets each record, cut at RECORD_BYTES."""

    def called(_index: Any, context: Any, _type: Any, args: Any, _count: Any, _results: Any, _wanted: Any) -> Any:
        text = args[0].of.string

        def run(_store: Any) -> None:
            try:
                log: GuestLog = _unintern(_ffi.wasmtime_context_get_data(context))  # type: ignore[arg-type]
                log.sink(ctypes.string_at(text.data, min(text.size, RECORD_BYTES)).decode(errors="replace"))
            finally:
                _ffi.wasm_byte_vec_delete(ctypes.byref(text))

        return catch_exceptions(context, run)

    callback = _ffi.wasmtime_component_func_callback_t(called)
    _kept.append(callback)
    name = b"log"
    error = _ffi.wasmtime_component_linker_instance_add_func(
        host.ptr(), ctypes.create_string_buffer(name), len(name), callback, 0, func_finalize
    )
    if error:
        raise WasmtimeError._from_ptr(error)  # noqa: SLF001  as the wrapper does
