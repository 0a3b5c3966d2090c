# SPDX-License-Identifier: Apache-2.0
"""Components that must not run: what each is, its bytes, and the words of the refusal."""

from collections.abc import Callable

from tests.runtime.component.scripted import arithmetic, bare, binary

Make = Callable[[], bytes]

HEADER = b"\0asm\x0d\0\x01\0"

NOT_READ: list[tuple[str, Make, str]] = [
    ("nothing", lambda: b"", "no WebAssembly component in binary form"),
    ("text", lambda: b"(component)", "no WebAssembly component in binary form"),
    ("code of Python", lambda: b"from genapps import app\n", "no WebAssembly component in binary form"),
    ("a program of the node", lambda: b"\x7fELF" + bytes(64), "no WebAssembly component in binary form"),
    ("machine code for wasmtime", lambda: b"\x7fELF\x02\x01\x01\xc8", "no WebAssembly component in binary form"),
    ("a later version", lambda: b"\0asm\x0e\0\x01\0", "no WebAssembly component in binary form"),
    ("a core module", lambda: b"\0asm\x01\0\0\0", "is a core module of WebAssembly, no component"),
    ("one byte more than there may be", lambda: HEADER.ljust(4 * 2**20 + 1, b"\0"), "has at most 4194304"),
]
"""Refused before a compiler sees them."""


def _imports(count: int) -> str:
    return "".join(f'(import "wasi:a{number}/b" (instance))' for number in range(count))


REFUSED: list[tuple[str, Make, str]] = [
    ("a header alone", lambda: HEADER, "does not export load"),
    ("noise after a header", lambda: HEADER + bytes(range(1, 200)), "is no component that can run"),
    ("one that breaks off", lambda: bare("")[:-60], "is no component that can run"),
    ("one byte less than a whole one", lambda: bare("")[:-1], "is no component that can run"),
    ("one with noise at its end", lambda: bare("") + b"\xff" * 40, "is no component that can run"),
    ("65 imports", lambda: bare("", imports=_imports(65)), "it has 65 imports; the maximum is 64"),
    ("10,000 imports", lambda: bare("", imports=_imports(10_000)), "count exceeds limit of 4096"),
    ("another world's import", lambda: bare("", imports='(import "a:b/c" (instance))'), "it imports a:b/c; apps get"),
    (
        "another version of the host",
        lambda: bare("", imports='(import "genapps:app/host@0.2.0" (instance))'),
        "host@0.2",
    ),
    ("an imported module", lambda: bare("", imports='(import "more" (core module))'), "it imports more; apps get"),
    ("no resume", lambda: bare("", resume=""), "does not export resume"),
    ("no fallback", lambda: bare("", fallback=""), "does not export fallback"),
    (
        "a start without a result",
        lambda: bare(
            '(func (export "silent") (param i32 i32))',
            start='(func (export "start") (param "action" string) (canon lift (core func $i "silent")'
            ' (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))',
        ),
        "its export start has another type",
    ),
    (
        "a start of a number",
        lambda: bare(
            '(func (export "number") (param i32) (result i32) local.get 0)',
            start='(func (export "start") (param "action" u32) (result u32) (canon lift (core func $i "number")))',
        ),
        "its export start has another type",
    ),
    (
        "a load that cannot fail",
        lambda: bare(
            "",
            load='(func (export "load") (param "bundle" string) (result string) (canon lift (core func $i "call")'
            ' (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))',
        ),
        "its export load has another type",
    ),
    ("an instance in place of a function", lambda: bare("", start='(instance (export "start"))'), "another type"),
    ("one function of a million operations", lambda: bare(arithmetic(1, 120_000)), "needs more than 64 MiB"),
    ("code that compiles forever", lambda: bare(arithmetic(3000, 90)), "takes more than 1 s of the processor"),
    ("blocks in 100,000 blocks", lambda: bare(f"(func {'block ' * 100_000}{'end ' * 100_000})"), "app.wasm"),
    ("a memory of 4 GiB and more", lambda: binary("(core module (memory 65537))"), "is no component that can run"),
    ("threads", lambda: binary("(core module (memory 1 1 shared))"), "is no component that can run"),
    ("memory of 64 bits", lambda: binary("(core module (memory i64 1))"), "is no component that can run"),
    ("a table beyond 32 bits", lambda: binary("(core module (table i64 1 funcref))"), "is no component that can run"),
]
"""Refused by the compiler with 64 MiB and a second of the processor."""

NOT_STARTED: list[tuple[str, Make, str]] = [
    ("a start function that never ends", lambda: bare("(func $f (loop $l (br $l))) (start $f)"), "interrupt"),
    ("a start function that traps", lambda: bare("(func $f unreachable) (start $f)"), "unreachable"),
    ("a start function that recurses", lambda: bare("(func $f call $f) (start $f)"), "call stack exhausted"),
    ("data beyond the memory", lambda: bare('(data (i32.const 99999999) "x")'), "out of bounds"),
    ("elements beyond the table", lambda: bare("(table 1 funcref) (elem (i32.const 7) func 0)"), "out of bounds"),
    ("a table of 65,537 elements", lambda: bare("(table 65537 funcref)"), "table"),
    ("nine tables", lambda: bare("(table 1 funcref) " * 9), "table"),
    (
        "a second memory",
        lambda: bare("", imports="(core module $n (memory 1)) (core instance (instantiate $n))"),
        "memory",
    ),
    (
        "17 core instances",
        lambda: bare("", imports="(core module $n) " + "(core instance (instantiate $n)) " * 15),
        "instance",
    ),
    (
        "a memory of more than the tier has",
        lambda: bare("", imports="(core module $n (memory 1025)) (core instance (instantiate $n))"),
        "memory",
    ),
]
"""They compile, and their instance does not start."""
