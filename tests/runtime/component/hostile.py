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


BIDI = r"\e2\80\aeabc\e2\81\a6"
"""A name that runs from right to left, as text of WebAssembly."""


def _imports(count: int) -> str:
    return "".join(f'(import "wasi:a{number}/b" (instance))' for number in range(count))


def custom(name: bytes, content: bytes) -> bytes:
    """A section that nothing reads but tools: it has at most 126 bytes."""
    inner = bytes([len(name)]) + name + content
    return bytes([0, len(inner)]) + inner


def _doubled(levels: int) -> str:
    """Components of which each has two instances of the one before: 2^levels core instances in a few bytes."""
    first = "(component $c0 (core module $n) (core instance (instantiate $n)))"
    more = (
        f"(component $c{level} (alias outer 1 $c{level - 1} (component $x))"
        " (instance (instantiate $x)) (instance (instantiate $x)))"
        for level in range(1, levels)
    )
    return f"{first}{''.join(more)}(instance (instantiate $c{levels - 1}))"


_OUTER = "(component (component (alias outer 2 $m (core module)) (core instance (instantiate 0))))"


def _tuples(levels: int) -> str:
    """A type of 2^levels numbers."""
    more = (f"(type $t{level} (tuple $t{level - 1} $t{level - 1}))" for level in range(1, levels))
    return f"(type $t0 (tuple u8 u8)){''.join(more)}"


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
    (
        "blocks in 100,000 blocks",
        lambda: bare(f"(func {'block ' * 100_000}{'end ' * 100_000})"),
        "needs more than 64 MiB to be compiled, more than others of its size: divide",
    ),
    ("100,000 functions", lambda: bare("(func) " * 100_000), "needs more than 64 MiB"),
    ("100,001 pieces of data", lambda: bare('(data (i32.const 0) "")' * 100_001), "exceeds limit of 100000"),
    ("101 tables", lambda: bare("(table 1 funcref) " * 101), "exceeds limit of 100"),
    ("50,001 locals", lambda: bare(f"(func (local {'i32 ' * 50_001}))"), "too many locals"),
    ("1,001 components", lambda: bare("", imports="(component) " * 1001), "exceeds limit of 1000"),
    ("millions of instances in components", lambda: bare("", imports=_doubled(24)), "needs more than 64 MiB"),
    ("a type of 2^40 numbers", lambda: bare("", imports=_tuples(40)), "exceeds the limit of 1000000"),
    (
        "an alias of what is outside of all",
        lambda: bare("", imports="(component (component (alias outer 9 0 (core module))))"),
        "invalid outer alias count of 9",
    ),
    (
        "a list of lists of lists",
        lambda: bare(
            "", imports="(type $t0 (list u8))" + "".join(f"(type $t{n} (list $t{n - 1}))" for n in range(1, 5000))
        ),
        "type nesting is too deep",
    ),
    ("an import from right to left", lambda: bare("", imports=f'(import "{BIDI}" (instance))'), "name ` abc ` is not"),
    (
        "an address from right to left",
        lambda: bare("", imports=f'(import "url=<https://{BIDI}>" (instance))'),
        "it imports url=<https:// abc >; apps get",
    ),
    (
        "names from right to left in a module",
        lambda: bare("", imports=f'(core module $n (import "{BIDI}" "x" (func))) (core instance (instantiate $n))'),
        "argument named ` abc `",
    ),
    ("a section whose name is no text", lambda: bare("") + custom(b"\xff\xfe", b""), "malformed UTF-8"),
    ("a section longer than the file", lambda: bare("") + b"\0\xff\xff\xff\x7f\1a", "unexpected end-of-file"),
    (
        "an asynchronous start",
        lambda: bare(
            "",
            start='(func (export "start") async (param "action" string) (result string) (canon lift'
            ' (core func $i "call") (memory (core memory $memory "memory"))'
            ' (realloc (core func $memory "realloc"))))',
        ),
        "async component functions require",
    ),
    ("streams of components", lambda: bare("", imports="(type (stream u8))"), "`stream` requires the component model"),
    ("values of components", lambda: bare("", imports='(component (func $f (import "f")) (start $f))'), "not enabled"),
    ("structures of the collector", lambda: binary("(core module (type (struct (field i32))))"), "the gc feature"),
    ("exceptions", lambda: binary("(core module (tag) (func throw 0))"), "exceptions proposal not enabled"),
    ("tail calls", lambda: binary("(core module (func return_call 0))"), "tail calls support is not enabled"),
    (
        "typed references of functions",
        lambda: binary("(core module (type $t (func)) (func (param (ref null $t))))"),
        "function references required",
    ),
    (
        "relaxed SIMD",
        lambda: bare(
            "(func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd)"
        ),
        "relaxed SIMD support is not enabled",
    ),
    (
        "atomic loads",
        lambda: binary("(core module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"),
        "threads support is not enabled",
    ),
    ("pages of one byte", lambda: binary("(core module (memory 1 (pagesize 1)))"), "custom page sizes"),
    (
        "continuations",
        lambda: binary("(core module (type $f (func)) (type $c (cont $f)))"),
        "stack switching is disabled",
    ),
    (
        "numbers of 128 bits",
        lambda: binary(
            "(core module (func (param i64 i64 i64 i64) (result i64 i64)"
            " local.get 0 local.get 1 local.get 2 local.get 3 i64.add128))"
        ),
        "wide arithmetic support is not enabled",
    ),
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
    ("4 MB of data in a memory of 256 KiB", lambda: bare(f'(data (i32.const 0) "{"a" * 3_900_000}")'), "out of bounds"),
    ("a table of 2^32 elements", lambda: bare("(table 4294967295 funcref)"), "table"),
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

ODD: list[tuple[str, Make]] = [
    ("sections of noise", lambda: bare("") + custom(b"name", b"\xff" * 90) + custom(b"component-name", b"\xff" * 9)),
    ("100,000 sections", lambda: bare("") + custom(b"a", b"") * 100_000),
    ("noise in the names of a module", lambda: bare(r'(@custom "name" "\ff\ff")')),
    ("an export from right to left", lambda: bare(f'(func (export "{BIDI}"))')),
    ("components in 90 components", lambda: bare("", imports="(component " * 90 + ")" * 90)),
    ("a module of the outermost", lambda: bare("", imports=f"(core module $m) {_OUTER}")),
    ("data that nothing takes", lambda: bare(f'(data "{"a" * 3_900_000}")')),
    ("a table that could grow without end", lambda: bare("(table 10 4294967295 funcref)")),
    ("50,000 locals", lambda: bare(f"(func (local {'i64 ' * 50_000}) local.get 4 drop)")),
    ("SIMD", lambda: bare("(func (param v128) (result v128) local.get 0 local.get 0 i32x4.add)")),
    ("resources", lambda: bare("", imports="(type (resource (rep i32)))")),
]
"""They are strange, and run."""
