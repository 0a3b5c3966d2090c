# SPDX-License-Identifier: Apache-2.0
"""What is no component of our world, or takes too much, is refused with the reason; nothing of it has run then."""

import time
from pathlib import Path

import pytest

from genapps_runtime.bundle import Bundle
from genapps_runtime.component_bundle import COMPONENT_BYTES, component_code
from genapps_runtime.guest.component.language import LIMITS, ComponentLanguage
from genapps_runtime.guest.component.machine_code import CompileLimits, MachineCode
from genapps_runtime.guest.instance import Guest, GuestGoneError
from genapps_runtime.guest.store import ignore_record
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.termination import Reason, RefusedError
from tests.runtime.component.dense import dense
from tests.runtime.component.hostile import HEADER, NOT_READ, NOT_STARTED, ODD, REFUSED, Make
from tests.runtime.component.scripted import CALL, HELLO, MEMORY, app, bare, binary, exports

MIB = 2**20
REQUEST = b"7\0r-1\0GET\0/\0\0{}"


async def language(folder: Path, component: bytes, limits: CompileLimits | None = None) -> ComponentLanguage:
    limits = limits or CompileLimits(64 * MIB, 20, 60.0)
    return ComponentLanguage(await MachineCode(str(folder), Heartbeat(), limits).of("app.wasm", component), 0.3)


def start(found: ComponentLanguage, memory: int = 64 * MIB) -> Guest:
    guest = Guest(found, Heartbeat(), memory)
    guest.load("{}", 2)
    return guest


def list_of(folder: Path) -> list[int]:
    """The sizes of the files that are there."""
    return [path.stat().st_size for path in folder.iterdir()]


@pytest.mark.parametrize(("make", "words"), [row[1:] for row in NOT_READ], ids=[row[0] for row in NOT_READ])
def test_what_is_no_component_is_not_compiled(make: Make, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        component_code(Bundle("app.wasm", {"app.wasm": make()}), 16384)
    assert refused.value.reason is Reason.CODE_REJECTED


def test_the_largest_component_and_other_files_are_taken() -> None:
    whole = HEADER.ljust(COMPONENT_BYTES, b"\0")
    files = {"app.wasm": whole, "words.txt": b"a", "raw": b"\xff", "public/index.html": b"<p>"}
    code = component_code(Bundle("app.wasm", files), 16384)
    assert (code.component, code.public) == (whole, {"index.html": b"<p>"})
    assert code.load_message == (
        '{"entry":"app.wasm","files":{},"logBytes":16384,"data":{"words.txt":{"text":"a"},"raw":{"base64":"/w=="}}}'
    )


@pytest.mark.parametrize(("make", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_does_not_compile_or_is_of_another_world_is_refused(make: Make, words: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        await language(tmp_path, make(), CompileLimits(64 * MIB, 1, 60.0))
    assert refused.value.reason is Reason.CODE_REJECTED
    assert refused.value.message.startswith("app.wasm ")
    assert not list_of(tmp_path)


@pytest.mark.parametrize(("make", "words"), [row[1:] for row in NOT_STARTED], ids=[row[0] for row in NOT_STARTED])
async def test_what_does_not_start_is_refused(make: Make, words: str, tmp_path: Path) -> None:
    found = await language(tmp_path, make())
    with pytest.raises(RefusedError, match=f"does not start.*{words}") as refused:
        start(found)
    assert refused.value.reason is Reason.CODE_REJECTED


@pytest.mark.parametrize("make", [row[1] for row in ODD], ids=[row[0] for row in ODD])
async def test_what_is_strange_and_harms_nobody_runs(make: Make, tmp_path: Path) -> None:
    guest = start(await language(tmp_path, make()))
    assert guest.start(REQUEST, time.monotonic() + 1, ignore_record) == HELLO.encode()


async def test_the_largest_component_compiles_in_a_small_tier_and_names_it_in_the_smallest(tmp_path: Path) -> None:
    component = dense(COMPONENT_BYTES)
    with pytest.raises(RefusedError) as refused:
        await language(tmp_path, component, CompileLimits.in_pod(32 * MIB, 1, 20, 90.0))
    assert refused.value.message == (
        "app.wasm needs more than 72 MiB to be compiled, more than the app's tier leaves: choose one with guestMemory "
        "64Mi or more, or make it smaller"
    )
    named = CompileLimits.in_pod(64 * MIB, 1, 20, 90.0)
    guest = start(await language(tmp_path, component, named))
    assert guest.start(REQUEST, time.monotonic() + 1, ignore_record) == HELLO.encode()
    with pytest.raises(RefusedError, match="has 4194305 bytes; a component has at most 4194304"):
        component_code(Bundle("app.wasm", {"app.wasm": component + b"\0"}), 16384)


@pytest.mark.parametrize(
    ("guest", "instances", "size", "named"),
    [(32, 1, 3, "64Mi"), (32, 1, 4, "64Mi"), (32, 2, 4, ""), (32, 1, 1, ""), (64, 1, 4, "")],
)
def test_a_refusal_names_a_tier_that_is_enough_where_one_is(guest: int, instances: int, size: int, named: str) -> None:
    words = CompileLimits.in_pod(guest * MIB, instances, 20, 90.0).larger(size * MIB)
    assert f"guestMemory {named} or more" in words if named else words.endswith("a tier with more guestMemory")


async def test_the_bounds_of_a_start_are_exact(tmp_path: Path) -> None:
    tables = f"(table {LIMITS.table_elements} funcref) " + "(table 1 funcref) " * (LIMITS.tables - 1)
    cores = "(core module $n) " + "(core instance (instantiate $n)) " * (LIMITS.instances - 2)
    found = await language(tmp_path, bare(tables, imports=cores))
    assert start(found, 4 * 65536).start(REQUEST, time.monotonic() + 1, ignore_record) == HELLO.encode()
    with pytest.raises(RefusedError, match="does not start within 262143 bytes of memory"):
        start(found, 4 * 65536 - 1)


@pytest.mark.parametrize("imported", ["wasi:a/b@0.2.0", *(f"wasi:io/poll@0.2.{patch}" for patch in (0, 9))])
async def test_what_the_host_lacks_of_wasi_traps_when_it_is_called(imported: str, tmp_path: Path) -> None:
    module = '(func (export "call2") (param i32 i32) (result i32) unreachable)'
    found = await language(tmp_path, bare(module, imports=f'(import "{imported}" (instance (export "f" (func))))'))
    assert start(found).start(REQUEST, time.monotonic() + 1, ignore_record) == HELLO.encode()


@pytest.mark.parametrize(
    ("name", "declared", "call"),
    [
        ("log", "(func)", "(func $f)"),
        ("log", '(func (param "record" u32))', "(func $f (param i32))"),
        ("now-millis", "(func (result u32))", "(func $f (result i32))"),
        ("random", '(func (param "bytes" u64) (result u64))', "(func $f (param i64) (result i64))"),
        ("random", '(func (param "bytes" u32) (result u64))', "(func $f (param i32) (result i64))"),
        ("answer", "(func (result bool))", "(func $f (result i32))"),
    ],
)
async def test_a_host_function_that_is_declared_with_other_types_traps(
    name: str, declared: str, call: str, tmp_path: Path
) -> None:
    given = " ".join(f"({kind}.const 1)" for kind in ("i32", "i64") if f"(param {kind})" in call)
    drop = "drop" if "result" in call else ""
    component = binary(f"""
      (import "genapps:app/host@0.1.0" (instance $host (export "{name}" {declared}))){MEMORY}
      (core func $f (canon lower (func $host "{name}")))
      (core instance $lowered (export "f" (func $f)))
      (core module $app (import "lowered" "f" {call}) (import "memory" "memory" (memory 4))
        (func (export "load") {CALL} (i32.const 16))
        (func (export "call") {CALL} (call $f {given}) {drop} (i32.const 0))
        (data (i32.const 16) "\\00\\00\\00\\00\\40\\00\\00\\00\\0d\\00\\00\\00")
        (data (i32.const 64) "{{\\22routes\\22:[]}}"))
      (core instance $i (instantiate $app (with "memory" (instance $memory)) (with "lowered" (instance $lowered))))
      {exports()}""")
    guest = start(await language(tmp_path, component))
    with pytest.raises(GuestGoneError) as gone:
        guest.start(REQUEST, time.monotonic() + 1, ignore_record)
    assert gone.value.code == "GuestTrapped"
    assert guest.dropped


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("a sentence", "the code does not load: a sentence"),
        ('{"code":"CodeRejected"}', 'the code does not load: {"code":"CodeRejected"}'),
        ('{"code":"CodeRejected","file":"a.rs","line":7,"message":"no"}', "a.rs, line 7: no"),
        ("", "the code does not load: it gives no reason"),
        ("\x1b[2J" + "x" * 9000, "the code does not load:  [2J" + "x" * 396),
    ],
    ids=["a sentence", "half of a reason", "a reason with its place", "nothing", "much and no text"],
)
async def test_what_a_component_says_when_it_does_not_load_is_told(said: str, told: str, tmp_path: Path) -> None:
    found = await language(tmp_path, app({}, load=said, accepted=False))
    with pytest.raises(RefusedError) as refused:
        start(found)
    assert (refused.value.reason, refused.value.message) == (Reason.CODE_REJECTED, told)


async def test_machine_code_beyond_the_volumes_share_is_refused(tmp_path: Path) -> None:
    made = await language(tmp_path, bare(""))
    assert made
    [size] = list_of(tmp_path)
    await language(tmp_path / "a", bare(""), CompileLimits(64 * MIB, 20, 60.0, size))
    with pytest.raises(RefusedError, match=f"its machine code has {size} bytes; the maximum is {size - 1}"):
        await language(tmp_path / "b", bare(""), CompileLimits(64 * MIB, 20, 60.0, size - 1))
