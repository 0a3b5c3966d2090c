# SPDX-License-Identifier: Apache-2.0
"""The JavaScript engine: QuickJS-ng with our C and JavaScript, as a component of our world.

`c/` and QuickJS become a module by the C compiler of the package ziglang, `genapps/` becomes a part of its memory
(snapshot.py), and `component.wat` is put around it. A second module is built only to tell which memory it writes.
"""

import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wasmtime import wat2wasm

from tools.engines.places import ROOT, cache
from tools.engines.processes import run
from tools.engines.quickjs import change
from tools.engines.sections import CORE_MODULE, joined, sections
from tools.engines.snapshot import snapshot
from tools.source_distribution import unpacked

LOCK = ROOT / "locks" / "engine-build.txt"
_OURS = ("javascript", "quickjs", "rehearsal", "sections", "snapshot")
TOOLS = [Path(__file__).with_name(f"{name}.py") for name in _OURS]
TARGET = ("-target", "wasm32-wasi")
STACK_BYTES = 1024 * 1024
"""Of C's stack, which lies before all else in the memory; engine.c lets JavaScript use less."""
_QUICKJS = ("quickjs.c", "libregexp.c", "libunicode.c", "dtoa.c")
_SOURCE = re.compile(r"[^/]+/upstream-quickjs/([\w.-]+\.[ch])\Z")
_TRACED = ("-DTRACED", "-fsanitize-coverage=func,trace-stores")
"""What tells of each write (layout.c). The second is for QuickJS only."""
_C = ("-O3", "-fno-sanitize=all", "-msimd128", "-mbulk-memory")


def fetched() -> Path:
    """A folder with QuickJS in `quickjs`, and with the compiler in the environment `venv`; fetched at the first use."""
    return unpacked(LOCK, "quickjs-ng", cache() / "engines", _kept)


def build(folder: Path, target: Path) -> None:
    """Build the engine from the sources in `folder`."""
    home = fetched()
    with tempfile.TemporaryDirectory(prefix="genapps-engine-") as place:
        module = _linked(home, folder, Path(place) / "engine", ())
        traced = _linked(home, folder, Path(place) / "traced", _TRACED)
        sources = {path.name: path.read_text(encoding="utf-8") for path in sorted((folder / "genapps").rglob("*.js"))}
        engine = snapshot(module, traced, sources, folder / "rehearsal" / "app.js")
    target.write_bytes(_component((folder / "component.wat").read_text(encoding="utf-8"), engine))


def _kept(path: str) -> str | None:
    found = _SOURCE.match(path)
    return f"quickjs/{found[1]}" if found else None


def _linked(home: Path, folder: Path, place: Path, flags: Sequence[str]) -> bytes:
    place.mkdir()
    module = place / "engine.wasm"
    zig = [str(home / "venv" / "bin" / "python"), "-m", "ziglang"]
    environment = {"ZIG_GLOBAL_CACHE_DIR": str(home / "zig"), "ZIG_LOCAL_CACHE_DIR": str(home / "zig")}
    quickjs, hashes = Path(shutil.copytree(home / "quickjs", place / "quickjs")), folder / "c" / "hashes.zig"
    change(quickjs / "quickjs.c")
    theirs = [*zig, "cc", *TARGET, *_C, *flags, "-D_GNU_SOURCE", "-DNDEBUG"]
    ours = [*zig, "cc", *TARGET, *_C, *flags[:1], "-Wall", "-Wextra", "-Werror", f"-isystem{quickjs}"]
    commands = {place / f"{name}.o": [*theirs, "-c", str(quickjs / name), "-o"] for name in _QUICKJS}
    commands |= {place / f"{path.name}.o": [*ours, "-c", str(path), "-o"] for path in (folder / "c").glob("*.c")}
    objects = [[*command, str(target)] for target, command in commands.items()]
    made = place / "hashes.o"
    objects.append([*zig, "build-obj", str(hashes), *TARGET, "-O", "ReleaseFast", f"-femit-bin={made}"])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda command: run(command, environment), objects))
    stack = f"-Wl,-z,stack-size={STACK_BYTES}"
    linked = [*zig, "cc", *TARGET, "-mexec-model=reactor", "-s", stack, *map(str, sorted([*commands, made]))]
    run([*linked, "-o", str(module)], environment)
    return module.read_bytes()


def _component(text: str, engine: bytes) -> bytes:
    """The component of that text, with the engine in the place of its first module."""
    outer = bytes(wat2wasm(text))
    parts = list(sections(outer))
    first = next(number for number, (kind, _) in enumerate(parts) if kind == CORE_MODULE)
    parts[first] = CORE_MODULE, engine
    return joined(outer, parts)
