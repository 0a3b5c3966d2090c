# SPDX-License-Identifier: Apache-2.0
"""The JavaScript engine after its start: what is in its memory becomes the data of the module.

So an instance begins where the start ended, and shares what it does not write with all others.
"""

import json
from collections.abc import Iterator, Mapping

from wasmtime import Engine, Func, FuncType, Instance, Linker, Memory, Module, Store, ValType

from tools.engines.sections import CUSTOM, DATA, DATA_COUNT, MEMORY, joined, sections, signed, unsigned

HOST = "genapps:app/host@0.1.0"
_BLOCK = 256
_ZEROS = bytes(_BLOCK)
_I32, _I64 = ValType.i32(), ValType.i64()


def snapshot(module: bytes, sources: Mapping[str, str]) -> bytes:
    """The module with the memory that it has when `prepare` has run with these sources, by name.

    Raises SystemExit with the error of JavaScript when they do not load.
    """
    pages, memory = _prepared(module, json.dumps(sources).encode())
    segments = [b"\0\x41" + signed(at) + b"\x0b" + unsigned(len(content)) + content for at, content in _pieces(memory)]
    replaced = {MEMORY: b"\1\0" + unsigned(pages), DATA: unsigned(len(segments)) + b"".join(segments)}
    replaced[DATA_COUNT] = unsigned(len(segments))
    kept = ((kind, replaced.get(kind, content)) for kind, content in sections(module) if kind != CUSTOM)
    return joined(module, kept)


def _prepared(module: bytes, sources: bytes) -> tuple[int, bytes]:
    engine = Engine()
    store, linker = Store(engine), Linker(engine)
    host = {
        "log": Func(store, FuncType([_I32, _I32], []), _not_now),
        "now-millis": Func(store, FuncType([], [_I64]), lambda: 0),
        "random": Func(store, FuncType([_I32, _I32], []), _not_now),
    }
    for name, function in host.items():
        linker.define(store, HOST, name, function)
    instance = linker.instantiate(store, Module(engine, module))
    memory = instance.exports(store)["memory"]
    assert isinstance(memory, Memory)
    _call(store, instance, "_initialize")
    place = _call(store, instance, "cabi_realloc", 0, 0, 1, len(sources) + 1)
    memory.write(store, sources + b"\0", place)
    wrong = _call(store, instance, "prepare", place, len(sources))
    content = bytes(memory.read(store, 0, memory.data_len(store)))
    if wrong:
        raise SystemExit(content[wrong : content.index(0, wrong)].decode(errors="replace"))
    return memory.size(store), content


def _call(store: Store, instance: Instance, name: str, *arguments: int) -> int:
    function = instance.exports(store)[name]
    assert isinstance(function, Func)
    return int(function(store, *arguments) or 0)


def _not_now(*_arguments: int) -> None:
    """What is drawn or logged at the start would be the same in all instances."""
    raise RuntimeError("the engine asks for chance, or logs, while it is built")


def _pieces(memory: bytes) -> Iterator[tuple[int, bytes]]:
    """What is not zero, with its place."""
    at = 0
    while at < len(memory):
        begin = at
        while at < len(memory) and memory[at : at + _BLOCK] != _ZEROS[: len(memory) - at]:
            at += _BLOCK
        if at > begin:
            yield begin, memory[begin:at]
        at += _BLOCK
