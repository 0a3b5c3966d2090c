"""A guest's function from text to text, called with less ceremony than by the stock wrapper.

With `log_import` the one place that handles wasmtime's memory by itself. It does exactly what `wasmtime.component.Func`
does for `func(string) -> string` (tests/runtime hold the two to the same answers), without asking for the function's
types at every call and without a Python type for every length of text.
"""

from ctypes import byref, memmove, string_at

from wasmtime import Store, WasmtimeError, _ffi
from wasmtime.component import Func
from wasmtime.component._enter import enter_wasm

TURN_BYTES = 4 * 1024 * 1024
_Arguments = _ffi.wasmtime_component_val_t * 1
_STRING = _ffi.WASMTIME_COMPONENT_STRING.value


class StringCall:
    """func(string) -> string. Text is bytes: JSON is parsed from bytes anyway, and the size of what a hostile guest
    gives is checked before it is copied."""

    def __init__(self, function: Func) -> None:
        self._function = byref(function._func)  # noqa: SLF001  there is no other way to call it

    def __call__(self, store: Store, text: bytes) -> bytes | None:
        """None for an answer of more than TURN_BYTES; raises WasmtimeError, or what a host function raised. `text` is
        UTF-8, as all JSON that this process writes: wasmtime ends the process for anything else."""
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
