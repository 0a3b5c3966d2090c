# SPDX-License-Identifier: Apache-2.0
"""Our declarations of wasmtime's C API against those that its package ships for the same library."""

import ctypes
import tomllib
from pathlib import Path
from typing import Any

import pytest
from wasmtime import _bindings, _ffi

from genapps_runtime.guest import c_api
from genapps_runtime.guest.c_api import WasmtimeVersionError, library_file
from genapps_runtime.guest.component import types_api
from genapps_runtime.guest.linker import Linker
from genapps_runtime.guest.precompile import SWITCHES
from tools.engines.places import ROOT

HANDLES = {
    c_api.ConfigPtr: "wasm_config_t",
    c_api.EnginePtr: "wasm_engine_t",
    c_api.ComponentPtr: "wasmtime_component_t",
    c_api.ExportIndexPtr: "wasmtime_component_export_index_t",
    c_api.LinkerPtr: "wasmtime_component_linker_t",
    c_api.LinkerInstancePtr: "wasmtime_component_linker_instance_t",
    c_api.StorePtr: "wasmtime_store_t",
    c_api.ContextPtr: "wasmtime_context_t",
    c_api.ErrorPtr: "wasmtime_error_t",
    c_api.FuturePtr: "wasmtime_call_future",
    types_api.ComponentTypePtr: "wasmtime_component_type_t",
    types_api.ExternPtr: "wasmtime_component_extern_t",
    types_api.FuncTypePtr: "wasmtime_component_func_type_t",
    types_api.ResultTypePtr: "wasmtime_component_result_type_t",
}
STRUCTURES: dict[Any, tuple[Any, ...]] = {
    c_api.ByteVec: (_bindings.wasm_byte_vec_t,),
    c_api.ValueVec: (
        _bindings.wasmtime_component_vallist_t,
        _bindings.wasmtime_component_valrecord_t,
        _bindings.wasmtime_component_valtuple_t,
    ),
    types_api.ValueType: (_bindings.wasmtime_component_valtype_t,),
    types_api.Item: (_bindings.wasmtime_component_item_t,),
    c_api.ResultValue: (_bindings.wasmtime_component_valresult_t,),
    c_api.AnyValue: (_bindings.wasmtime_component_valunion_t,),
    c_api.Value: (_bindings.wasmtime_component_val_t,),
    c_api.RecordEntry: (_bindings.wasmtime_component_valrecord_entry_t,),
    c_api.InstanceHandle: (_bindings.wasmtime_component_instance_t,),
    c_api.FunctionHandle: (_bindings.wasmtime_component_func_t,),
}
KINDS = {
    "BOOL": c_api.BOOL, "U8": c_api.U8, "U32": c_api.U32, "U64": c_api.U64, "STRING": c_api.STRING,
    "LIST": c_api.LIST, "RECORD": c_api.RECORD, "TUPLE": c_api.TUPLE, "RESULT": c_api.RESULT,
    "ITEM_COMPONENT_FUNC": types_api.FUNCTION_ITEM, "VALTYPE_STRING": types_api.STRING_TYPE,
    "VALTYPE_RESULT": types_api.RESULT_TYPE,
}  # fmt: skip
RENAMED = {"value": "val"}
OURS_ALONE = {"room", "private"}


def same(ours: Any, theirs: Any) -> bool:
    """Whether the two types are passed in the same way and mean the same."""
    if ours is None or theirs is None:
        return ours is theirs
    if ours in HANDLES:
        return is_pointer(theirs) and theirs._type_ is getattr(_bindings, HANDLES[ours])
    if ours is ctypes.c_char_p:
        return is_pointer(theirs) and ctypes.sizeof(theirs._type_) == 1
    if ours is ctypes.c_void_p:
        return theirs is ctypes.c_void_p or is_pointer(theirs)
    if is_pointer(ours):
        return is_pointer(theirs) and (
            theirs._type_ in STRUCTURES.get(ours._type_, ()) or same(ours._type_, theirs._type_)
        )
    if hasattr(ours, "_flags_"):
        return hasattr(theirs, "_flags_") and same_signature(ours, theirs)
    return ours is theirs


def is_pointer(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, ctypes._Pointer)


def same_signature(ours: Any, theirs: Any) -> bool:
    own, stock = (ours._restype_, *ours._argtypes_), (theirs._restype_, *theirs._argtypes_)
    return len(own) == len(stock) and all(same(*pair) for pair in zip(own, stock, strict=True))


for switch in SWITCHES:
    c_api.config_switch(switch)


@pytest.mark.parametrize("name", sorted(c_api.DECLARED))
def test_a_function_is_declared_as_by_the_package(name: str) -> None:
    ours, theirs = c_api.DECLARED[name], getattr(_bindings, f"_{name}")
    assert same(ours.restype, theirs.restype)
    assert len(ours.argtypes) == len(theirs.argtypes)
    for own, stock in zip(ours.argtypes, theirs.argtypes, strict=True):
        assert same(own, stock), (own, stock)


@pytest.mark.parametrize("ours", STRUCTURES, ids=lambda structure: structure.__name__)
def test_a_structure_has_the_layout_of_the_package(ours: Any) -> None:
    for theirs in STRUCTURES[ours]:
        assert ctypes.sizeof(ours) == ctypes.sizeof(theirs)
        assert ctypes.alignment(ours) == ctypes.alignment(theirs)
        for name, _kind in ours._fields_:
            if name not in OURS_ALONE:
                own, stock = getattr(ours, name), getattr(theirs, RENAMED.get(name, name), None)
                assert stock is not None or theirs is _bindings.wasmtime_component_func_t, name
                if stock is not None:
                    assert (own.offset, own.size) == (stock.offset, stock.size), name


def test_a_value_has_the_kinds_of_the_package() -> None:
    assert {name: getattr(_ffi, f"WASMTIME_COMPONENT_{name}").value for name in KINDS} == KINDS
    assert c_api.Value().kind == c_api.BOOL


def test_another_declaration_would_be_noticed() -> None:
    call = _bindings._wasmtime_component_func_call.argtypes
    assert not same(c_api.StorePtr, call[1])
    assert not same(ctypes.POINTER(c_api.ByteVec), call[2])
    assert not same(ctypes.c_uint32, call[3])
    assert not same(None, _bindings._wasmtime_component_func_call.restype)
    callback = _bindings.wasmtime_component_func_callback_t
    assert not same(c_api.FinalizerCallback, callback)
    shorter = ctypes.CFUNCTYPE(None, ctypes.c_uint64)
    assert not same(shorter, _bindings._wasmtime_store_new.argtypes[2])


def test_the_version_is_the_one_that_is_locked() -> None:
    project = tomllib.loads((ROOT / "runtime-image" / "pyproject.toml").read_text())
    assert f"wasmtime=={c_api.VERSION}" in project["project"]["dependencies"]


@pytest.mark.parametrize("recorded", ["50.0.0", "50.0.10", "51.0.0", None])
def test_another_version_or_none_is_refused(recorded: str | None, tmp_path: Path) -> None:
    with pytest.raises(WasmtimeVersionError, match="not installed"):
        library_file([str(tmp_path)])
    package = tmp_path / "wasmtime"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    if recorded is not None:
        (tmp_path / f"wasmtime-{recorded}.dist-info").mkdir()
    with pytest.raises(WasmtimeVersionError, match="another version"):
        library_file([str(tmp_path)])
    (tmp_path / f"wasmtime-{c_api.VERSION}.dist-info").mkdir()
    assert library_file([str(tmp_path)]).startswith(str(package))


def test_the_library_is_the_one_of_the_package() -> None:
    assert library_file() == _ffi.dll._name


def test_an_engine_that_is_none_is_refused_with_the_words_of_wasmtime(tmp_path: Path) -> None:
    engine = tmp_path / "python.cwasm"
    with pytest.raises(c_api.WasmtimeError, match="No such file"):
        Linker(str(engine))
    engine.write_bytes(b"\x7fELF")
    with pytest.raises(c_api.WasmtimeError):
        Linker(str(engine))
