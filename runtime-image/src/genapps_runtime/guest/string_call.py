# SPDX-License-Identifier: Apache-2.0
"""Calls a guest's function from string to string with less overhead than wasmtime's stock wrapper.

This module and `log_import` are the only ones that handle wasmtime's memory. The call does exactly what
`wasmtime.component.Func` does for `func(string) -> string` (tests/runtime compare the two), but it does not ask for
the function's types at every call and does not make a Python type for every length of text.
"""

from ctypes import byref, memmove, string_at

from wasmtime import Store, WasmtimeError, _ffi
from wasmtime.component import Func
from wasmtime.component._enter import enter_wasm

TURN_BYTES = 4 * 1024 * 1024
_Arguments = _ffi.wasmtime_component_val_t * 1
_STRING = _ffi.WASMTIME_COMPONENT_STRING.value


class StringCall:
    """A guest's `func(string) -> string`.

    Strings are bytes here: JSON is parsed from bytes, and the size of a hostile guest's answer is checked before it
    is copied.
    """

    def __init__(self, function: Func) -> None:
        self._function = byref(function._func)  # noqa: SLF001  there is no other way to call it

    def __call__(self, store: Store, text: bytes) -> bytes | None:
        """Call the function; returns its answer, or None when that has more than TURN_BYTES.

        `text` must be UTF-8, as all JSON that this process writes: wasmtime ends the process for anything else.
        Raises WasmtimeError, or what a host function raised.
        """
        context = store._context()  # noqa: SLF001  raises when the store is closed
        # New ones for each call: a value that is used again would be freed twice.
        arguments, result = _Arguments(), _ffi.wasmtime_component_val_t()
        argument = arguments[0]
        argument.kind = _ffi.WASMTIME_COMPONENT_STRING
        given, answer = argument.of.string, result.of.string
        _ffi.wasm_byte_vec_new_uninitialized(byref(given), len(text))
        try:
            memmove(given.data, text, len(text))
            enter_wasm(
                lambda: _ffi.wasmtime_component_func_call(self._function, context, arguments, 1, byref(result), 1)
            )
            if result.kind != _STRING:
                raise WasmtimeError("not a string")
            return string_at(answer.data, answer.size) if answer.size <= TURN_BYTES else None
        finally:
            _ffi.wasmtime_component_val_delete(arguments)
            _ffi.wasmtime_component_val_delete(byref(result))
