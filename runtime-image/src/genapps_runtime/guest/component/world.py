# SPDX-License-Identifier: Apache-2.0
"""Whether a compiled component is one of our world (`runtime-image/wit/app.wit`): what it exports and imports."""

from ctypes import byref, c_size_t, c_void_p, string_at

from genapps_runtime.guest.c_api import ComponentPtr, EnginePtr
from genapps_runtime.guest.component import types_api as api

HOST = "genapps:app/host@0.1.0"
WASI = "wasi:"
IMPORTS = 64
"""More than the standard library of a language names."""
_NAME_CHARACTERS = 100
_EXPORTS = {
    "load": "func(bundle: string) -> result<string, string>",
    "start": "func(action: string) -> string",
    "resume": "func(results: string) -> string",
    "fallback": "func(action: string) -> string",
}


class OtherWorldError(Exception):
    """The component is not of our world; the text says in which way."""


def check_world(engine: EnginePtr, component: ComponentPtr) -> None:
    """Raise OtherWorldError unless the component exports our functions with their types, and imports nothing but the
    host's instance and WASI. What that has and the host has not traps when it is called.
    """
    found = api.component_type(component)
    count = api.import_count(found, engine)
    if count > IMPORTS:
        raise OtherWorldError(f"it has {count} imports; the maximum is {IMPORTS}")
    for number in range(count):
        name = _import_name(found, engine, number)
        if name != HOST and not name.startswith(WASI):
            raise OtherWorldError(f"it imports {name[:_NAME_CHARACTERS]}; apps get {HOST} and a part of WASI 0.2 only")
    for name, signature in _EXPORTS.items():
        extern, item = api.ExternPtr(), api.Item()
        if not api.export_get(found, engine, name.encode(), len(name), byref(extern)):
            raise OtherWorldError(f"it does not export {name}; the world genapps:app has {name}: {signature}")
        api.extern_type(extern, byref(item))
        if not _is_like(item, fallible=name == "load"):
            raise OtherWorldError(f"its export {name} has another type than {signature}")


def _import_name(found: api.ComponentTypePtr, engine: EnginePtr, number: int) -> str:
    name, size, extern = c_void_p(), c_size_t(), api.ExternPtr()
    api.import_nth(found, engine, number, byref(name), byref(size), byref(extern))
    return string_at(name.value or 0, size.value).decode(errors="replace")


def _is_like(item: api.Item, *, fallible: bool) -> bool:
    """Whether it is a function from a string to a string, or to a result of two."""
    if item.kind != api.FUNCTION_ITEM:
        return False
    function = api.FuncTypePtr(item.of[0])
    given, name, size = api.ValueType(), c_void_p(), c_size_t()
    if api.func_type_async(function) or api.func_type_param_count(function) != 1:
        return False
    api.func_type_param_nth(function, 0, byref(name), byref(size), byref(given))
    result = api.ValueType()
    if given.kind != api.STRING_TYPE or not api.func_type_result(function, byref(result)):
        return False
    if not fallible:
        return result.kind == api.STRING_TYPE
    ok, failed = api.ValueType(), api.ValueType()
    return (
        result.kind == api.RESULT_TYPE
        and api.result_type_ok(api.ResultTypePtr(result.of), byref(ok))
        and api.result_type_err(api.ResultTypePtr(result.of), byref(failed))
        and ok.kind == failed.kind == api.STRING_TYPE
    )
