# SPDX-License-Identifier: Apache-2.0
"""The part of wasmtime's C API that compiles a component and tells its types: for the compiling process alone.

Nothing is deleted: that process compiles one component and ends.
"""

from collections.abc import Sequence
from ctypes import POINTER, Structure, c_bool, c_char_p, c_size_t, c_uint8, c_void_p
from typing import ClassVar

from genapps_runtime.guest.c_api import ByteVec, ComponentPtr, EnginePtr, ErrorPtr, declare


class ComponentTypePtr(c_void_p):
    """`wasmtime_component_type_t *`"""


class ExternPtr(c_void_p):
    """`wasmtime_component_extern_t *`: what a name of a component's type stands for."""


class FuncTypePtr(c_void_p):
    """`wasmtime_component_func_type_t *`"""


class ResultTypePtr(c_void_p):
    """`wasmtime_component_result_type_t *`"""


class ValueType(Structure):
    """`wasmtime_component_valtype_t`; `of` is the address of the inner type of some kinds."""

    _fields_: ClassVar = [("kind", c_uint8), ("of", c_void_p)]
    kind: int
    of: int | None


class Item(Structure):
    """`wasmtime_component_item_t`; the first of `of` is the address of a function's type."""

    _fields_: ClassVar = [("kind", c_uint8), ("of", c_void_p * 2)]
    kind: int
    of: Sequence[int | None]


FUNCTION_ITEM = 3
STRING_TYPE, RESULT_TYPE = 12, 19

component_new = declare(
    "wasmtime_component_new", ErrorPtr, EnginePtr, c_char_p, c_size_t, POINTER(ComponentPtr)
)  # fmt: skip
component_serialize = declare("wasmtime_component_serialize", ErrorPtr, ComponentPtr, POINTER(ByteVec))
component_type = declare("wasmtime_component_type", ComponentTypePtr, ComponentPtr)
import_count = declare("wasmtime_component_type_import_count", c_size_t, ComponentTypePtr, EnginePtr)
import_nth = declare(
    "wasmtime_component_type_import_nth",
    c_bool, ComponentTypePtr, EnginePtr, c_size_t, POINTER(c_void_p), POINTER(c_size_t), POINTER(ExternPtr),
)  # fmt: skip
export_get = declare(
    "wasmtime_component_type_export_get",
    c_bool, ComponentTypePtr, EnginePtr, c_char_p, c_size_t, POINTER(ExternPtr),
)  # fmt: skip
extern_type = declare("wasmtime_component_extern_type", None, ExternPtr, POINTER(Item))
func_type_async = declare("wasmtime_component_func_type_async", c_bool, FuncTypePtr)
func_type_param_count = declare("wasmtime_component_func_type_param_count", c_size_t, FuncTypePtr)
func_type_param_nth = declare(
    "wasmtime_component_func_type_param_nth",
    c_bool, FuncTypePtr, c_size_t, POINTER(c_void_p), POINTER(c_size_t), POINTER(ValueType),
)  # fmt: skip
func_type_result = declare("wasmtime_component_func_type_result", c_bool, FuncTypePtr, POINTER(ValueType))
result_type_ok = declare("wasmtime_component_result_type_ok", c_bool, ResultTypePtr, POINTER(ValueType))
result_type_err = declare("wasmtime_component_result_type_err", c_bool, ResultTypePtr, POINTER(ValueType))
