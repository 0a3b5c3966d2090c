# SPDX-License-Identifier: Apache-2.0
"""The JavaScript engine after its start and a rehearsal: what is in its memory becomes the data of the module.

So an instance begins where the rehearsal ended, and shares what it does not write with all others. What every app
writes lies side by side: see c/layout.c.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from wasmtime import Engine, Func, FuncType, Linker, Memory, Module, Store, ValType

from tools.engines.rehearsal import rehearse
from tools.engines.sections import CUSTOM, DATA, DATA_COUNT, MEMORY, joined, sections, signed, unsigned

HOST = "genapps:app/host@0.1.0"
TIMES = 2
"""What one rehearsal leaves for the next one is there already."""
_BLOCK = 256
_LAYOUT_HEAD = 33
"""Numbers at the beginning of what `layout` gives: see layout.c."""
_ZEROS = bytes(_BLOCK)
_I32, _I64 = ValType.i32(), ValType.i64()


def snapshot(module: bytes, traced: bytes, sources: Mapping[str, str], app: Path) -> bytes:
    """The module with the memory that it has when it has run with these sources, by name, and rehearsed with `app`.

    `traced` is the same module, built so that it tells which blocks of its memory the rehearsal writes. Raises
    SystemExit with the error of JavaScript when they do not load.
    """
    looking = _Instance(traced)
    looking.prepare(sources, app)
    looking.call("trace")
    rehearse(app, looking.text_call)
    looking.call("traced")
    instance = _Instance(module)
    instance.lay_out(looking)
    instance.prepare(sources, app)
    pages, memory = instance.memory.size(instance.store), instance.content()
    segments = [b"\0\x41" + signed(at) + b"\x0b" + unsigned(len(content)) + content for at, content in _pieces(memory)]
    replaced = {MEMORY: b"\1\0" + unsigned(pages), DATA: unsigned(len(segments)) + b"".join(segments)}
    replaced[DATA_COUNT] = unsigned(len(segments))
    kept = ((kind, replaced.get(kind, content)) for kind, content in sections(module) if kind != CUSTOM)
    return joined(module, kept)


class _Instance:
    """The module as it runs in the build."""

    def __init__(self, module: bytes) -> None:
        engine = Engine()
        self.store, linker = Store(engine), Linker(engine)
        host = {
            "log": Func(self.store, FuncType([_I32, _I32], []), _not_now),
            "now-millis": Func(self.store, FuncType([], [_I64]), lambda: 0),
            "random": Func(self.store, FuncType([_I32, _I32], []), _not_now),
        }
        for name, function in host.items():
            linker.define(self.store, HOST, name, function)
        self._exports = linker.instantiate(self.store, Module(engine, module)).exports(self.store)
        memory = self._exports["memory"]
        assert isinstance(memory, Memory)
        self.memory = memory
        self.call("_initialize")

    def prepare(self, sources: Mapping[str, str], app: Path) -> None:
        """Start JavaScript with our modules, rehearse, and clean up."""
        place, size = self._put(json.dumps(sources).encode())
        wrong = self.call("prepare", place, size)
        if wrong:
            content = self.content()
            raise SystemExit(content[wrong : content.index(0, wrong)].decode(errors="replace"))
        for _ in range(TIMES):
            rehearse(app, self.text_call)
        self.call("settle")

    def lay_out(self, traced: "_Instance") -> None:
        """Let the blocks lie side by side that have been written in `traced`."""
        place, content = traced.call("layout"), traced.content()
        head = content[place : place + 4 * _LAYOUT_HEAD]
        size, count, *by_size = struct.unpack(f"<{_LAYOUT_HEAD}I", head)
        numbers = struct.unpack_from(f"<{count}I", content, place + len(head))
        made = struct.pack(f"<{_LAYOUT_HEAD + count}I", size, count, *by_size, *sorted(numbers))
        self.memory.write(self.store, made, self.call("layout"))

    def text_call(self, name: str, text: str) -> tuple[bool, str]:
        """Call a function of texts: whether it succeeded, where it tells, and what it gave."""
        place = self.call(name, *self._put(text.encode()))
        content = self.content()
        numbers = struct.unpack_from("<3I", content, place)
        failed, at, size = numbers if name == "load" else (0, *numbers[:2])
        answer = content[at : at + size].decode()
        self.call("cabi_post", place)
        return not failed, answer

    def call(self, name: str, *arguments: int) -> int:
        """Call a function of numbers."""
        function = self._exports[name]
        assert isinstance(function, Func)
        return int(function(self.store, *arguments) or 0)

    def content(self) -> bytes:
        """All that is in its memory."""
        return bytes(self.memory.read(self.store, 0, self.memory.data_len(self.store)))

    def _put(self, text: bytes) -> tuple[int, int]:
        place = self.call("cabi_realloc", 0, 0, 1, len(text) + 1)
        self.memory.write(self.store, text + b"\0", place)
        return place, len(text)


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
