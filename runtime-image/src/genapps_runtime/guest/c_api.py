# SPDX-License-Identifier: Apache-2.0
"""The part of wasmtime's C API that a pod needs, declared on the library that the `wasmtime` package ships.

The package declares all 900 functions in Python, and that weighs as much as the rest of an idle worker's own code
(docs/design/0028). These declarations hold for exactly the version VERSION: another one is refused here, and
tests/runtime/test_c_api.py compares each of them with the package's own.

Handles (`EnginePtr` and the like) own nothing: `linker` and `store` say who deletes what.
"""

import os
from collections.abc import Sequence
from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Structure,
    Union,
    byref,
    c_bool,
    c_char_p,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
    string_at,
)
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, ClassVar

VERSION = "50.0.1"


class WasmtimeError(Exception):
    """What wasmtime reports: a trap, or something that it refuses. It describes both by text only."""


class WasmtimeVersionError(Exception):
    """There is no wasmtime of the version that this module is written for."""


class ConfigPtr(c_void_p):
    """`wasm_config_t *`"""


class EnginePtr(c_void_p):
    """`wasm_engine_t *`"""


class ComponentPtr(c_void_p):
    """`wasmtime_component_t *`"""


class ExportIndexPtr(c_void_p):
    """`wasmtime_component_export_index_t *`"""


class LinkerPtr(c_void_p):
    """`wasmtime_component_linker_t *`"""


class LinkerInstancePtr(c_void_p):
    """`wasmtime_component_linker_instance_t *`"""


class StorePtr(c_void_p):
    """`wasmtime_store_t *`"""


class ContextPtr(c_void_p):
    """`wasmtime_context_t *`: the inside of a store, void when the store is deleted."""


class ErrorPtr(c_void_p):
    """`wasmtime_error_t *`: false when there is none. Whoever gets it deletes it (`check`)."""


class FuturePtr(c_void_p):
    """`wasmtime_call_future_t *`: a call on a fiber. Deleted before its store; the call ends then, wherever it is."""


class ByteVec(Structure):
    """`wasm_byte_vec_t`: bytes that wasmtime allocated."""

    _fields_: ClassVar = [("size", c_size_t), ("data", c_void_p)]
    size: int
    data: int | None


class ValueVec(Structure):
    """`wasmtime_component_vallist_t`, `wasmtime_component_valrecord_t` and `wasmtime_component_valtuple_t`."""

    _fields_: ClassVar = [("size", c_size_t), ("data", c_void_p)]


class ResultValue(Structure):
    """`wasmtime_component_valresult_t`; `value` is the address of a Value, or None."""

    _fields_: ClassVar = [("is_ok", c_bool), ("value", c_void_p)]
    is_ok: bool
    value: int | None


class AnyValue(Union):
    """`wasmtime_component_valunion_t`, with the members that we use; `room` has the size of the largest."""

    _fields_: ClassVar = [
        ("u8", c_uint8),
        ("u32", c_uint32),
        ("u64", c_uint64),
        ("string", ByteVec),
        ("list", ValueVec),
        ("record", ValueVec),
        ("tuple", ValueVec),
        ("result", ResultValue),
        ("room", c_uint64 * 3),
    ]
    u8: int
    u32: int
    u64: int
    string: ByteVec
    list: ValueVec
    record: ValueVec
    tuple: ValueVec
    result: ResultValue


class Value(Structure):
    """`wasmtime_component_val_t`. A new one has the kind BOOL, which owns nothing."""

    _fields_: ClassVar = [("kind", c_uint8), ("of", AnyValue)]
    kind: int
    of: AnyValue


BOOL, U8, U32, U64, STRING, LIST, RECORD, TUPLE, RESULT = 0, 2, 6, 8, 12, 13, 14, 15, 19


class RecordEntry(Structure):
    """`wasmtime_component_valrecord_entry_t`"""

    _fields_: ClassVar = [("name", ByteVec), ("value", Value)]
    name: ByteVec
    value: Value


class InstanceHandle(Structure):
    """`wasmtime_component_instance_t`: valid as long as its store."""

    _fields_: ClassVar = [("store_id", c_uint64), ("private", c_uint32)]


class FunctionHandle(Structure):
    """`wasmtime_component_func_t`: valid as long as its store."""

    _fields_: ClassVar = [("store_id", c_uint64), ("private", c_uint64 * 3)]


FinalizerCallback = CFUNCTYPE(None, c_void_p)
FunctionCallback = CFUNCTYPE(
    c_size_t, c_void_p, ContextPtr, c_void_p, POINTER(Value), c_size_t, POINTER(Value), c_size_t
)
"""(data, context, type, arguments, their number, results, their number) -> address of an error, or 0.

wasmtime owns the arguments and the results, and frees both after the call; what is put into a result must come from
its own allocator."""
NO_FINALIZER = FinalizerCallback()
EpochCallback = CFUNCTYPE(c_size_t, ContextPtr, c_void_p, POINTER(c_uint64), POINTER(c_uint8))
"""(context, data, ticks to the next deadline, kind of update) -> address of an error that ends the call, or 0.

When the kind is left as it is the call goes on. PAUSE lets a call on a fiber pause first."""
PAUSE = 1


def library_file(folders: Sequence[str] | None = None) -> str:
    """The shared library of the package `wasmtime`, found without importing the package.

    `folders` are searched in place of `sys.path`. Raises WasmtimeVersionError unless the package has VERSION.
    """
    found = PathFinder.find_spec("wasmtime", folders)
    if found is None or found.origin is None:
        raise WasmtimeVersionError("the package wasmtime is not installed")
    package = Path(found.origin).parent
    # Where pip records the version; `importlib.metadata` would bring the parser of e-mails.
    if not package.with_name(f"wasmtime-{VERSION}.dist-info").is_dir():
        raise WasmtimeVersionError(f"the package wasmtime has another version than {VERSION}")
    return str(package / f"linux-{os.uname().machine}" / "_libwasmtime.so")


_library = CDLL(library_file())

DECLARED: dict[str, Any] = {}
"""The functions below by name."""


def declare(name: str, result: Any, *arguments: Any) -> Any:
    """The library's function `name` with these types."""
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments
    DECLARED[name] = function
    return function


def config_switch(name: str) -> Any:
    """The function that switches the configuration's option `name` on or off."""
    return declare(f"wasmtime_config_{name}_set", None, ConfigPtr, c_bool)


config_new = declare("wasm_config_new", ConfigPtr)
config_max_wasm_stack_set = declare("wasmtime_config_max_wasm_stack_set", None, ConfigPtr, c_size_t)
config_async_stack_size_set = declare("wasmtime_config_async_stack_size_set", None, ConfigPtr, c_size_t)
config_target_set = declare("wasmtime_config_target_set", ErrorPtr, ConfigPtr, c_char_p)
engine_new_with_config = declare("wasm_engine_new_with_config", EnginePtr, ConfigPtr)
engine_increment_epoch = declare("wasmtime_engine_increment_epoch", None, EnginePtr)

component_deserialize_file = declare(
    "wasmtime_component_deserialize_file", ErrorPtr, EnginePtr, c_char_p, POINTER(ComponentPtr)
)
linker_new = declare("wasmtime_component_linker_new", LinkerPtr, EnginePtr)
linker_allow_shadowing = declare("wasmtime_component_linker_allow_shadowing", None, LinkerPtr, c_bool)
linker_define_unknown_imports_as_traps = declare(
    "wasmtime_component_linker_define_unknown_imports_as_traps", ErrorPtr, LinkerPtr, ComponentPtr
)
linker_instantiate = declare(
    "wasmtime_component_linker_instantiate", ErrorPtr, LinkerPtr, ContextPtr, ComponentPtr, POINTER(InstanceHandle)
)
linker_root = declare("wasmtime_component_linker_root", LinkerInstancePtr, LinkerPtr)
linker_instance_add_instance = declare(
    "wasmtime_component_linker_instance_add_instance",
    ErrorPtr, LinkerInstancePtr, c_char_p, c_size_t, POINTER(LinkerInstancePtr),
)  # fmt: skip
linker_instance_add_func = declare(
    "wasmtime_component_linker_instance_add_func",
    ErrorPtr, LinkerInstancePtr, c_char_p, c_size_t, FunctionCallback, c_void_p, FinalizerCallback,
)  # fmt: skip
linker_instance_delete = declare("wasmtime_component_linker_instance_delete", None, LinkerInstancePtr)

store_new = declare("wasmtime_store_new", StorePtr, EnginePtr, c_void_p, FinalizerCallback)
store_delete = declare("wasmtime_store_delete", None, StorePtr)
store_context = declare("wasmtime_store_context", ContextPtr, StorePtr)
store_epoch_deadline_callback = declare(
    "wasmtime_store_epoch_deadline_callback", None, StorePtr, EpochCallback, c_void_p, FinalizerCallback
)
store_limiter = declare("wasmtime_store_limiter", None, StorePtr, c_int64, c_int64, c_int64, c_int64, c_int64)
context_get_data = declare("wasmtime_context_get_data", c_void_p, ContextPtr)
context_set_epoch_deadline = declare("wasmtime_context_set_epoch_deadline", None, ContextPtr, c_uint64)

instance_get_export_index = declare(
    "wasmtime_component_instance_get_export_index",
    ExportIndexPtr, POINTER(InstanceHandle), ContextPtr, ExportIndexPtr, c_char_p, c_size_t,
)  # fmt: skip
instance_get_func = declare(
    "wasmtime_component_instance_get_func",
    c_bool, POINTER(InstanceHandle), ContextPtr, ExportIndexPtr, POINTER(FunctionHandle),
)  # fmt: skip
export_index_delete = declare("wasmtime_component_export_index_delete", None, ExportIndexPtr)
func_call = declare(
    "wasmtime_component_func_call",
    ErrorPtr, POINTER(FunctionHandle), ContextPtr, POINTER(Value), c_size_t, POINTER(Value), c_size_t,
)  # fmt: skip

# Argument and result must stay where they are until the call has ended; an error is put into the last place then.
func_call_async = declare(
    "wasmtime_component_func_call_async",
    FuturePtr, POINTER(FunctionHandle), ContextPtr, POINTER(Value), c_size_t, POINTER(Value), c_size_t,
    POINTER(ErrorPtr),
)  # fmt: skip
call_future_poll = declare("wasmtime_call_future_poll", c_bool, FuturePtr)
call_future_delete = declare("wasmtime_call_future_delete", None, FuturePtr)

value_delete = declare("wasmtime_component_val_delete", None, POINTER(Value))
list_new = declare("wasmtime_component_vallist_new", None, POINTER(ValueVec), c_size_t, POINTER(Value))
tuple_new = declare("wasmtime_component_valtuple_new", None, POINTER(ValueVec), c_size_t, POINTER(Value))
record_new = declare("wasmtime_component_valrecord_new", None, POINTER(ValueVec), c_size_t, POINTER(RecordEntry))
bytes_new = declare("wasm_byte_vec_new", None, POINTER(ByteVec), c_size_t, c_char_p)
bytes_delete = declare("wasm_byte_vec_delete", None, POINTER(ByteVec))

error_new = declare("wasmtime_error_new", ErrorPtr, c_char_p)
error_message = declare("wasmtime_error_message", None, ErrorPtr, POINTER(ByteVec))
error_delete = declare("wasmtime_error_delete", None, ErrorPtr)


def bytes_of(vector: ByteVec, size: int) -> bytes:
    """A copy of the first `size` bytes of the vector, which has as many."""
    return string_at(vector.data or 0, size)


def check(error: ErrorPtr) -> None:
    """Delete the error and raise it as WasmtimeError; nothing when there is none."""
    if error:
        message = ByteVec()
        error_message(error, byref(message))
        try:
            text = bytes_of(message, message.size).decode(errors="replace")
        finally:
            bytes_delete(byref(message))
            error_delete(error)
        raise WasmtimeError(text)
