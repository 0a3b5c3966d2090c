# SPDX-License-Identifier: Apache-2.0
"""Builds the guest language engines on the host: `python -m tools.engines`.

A component (`python.wasm`) is kept in `$GENAPPS_CACHE/engines/<digest of its inputs>/`, together with machine code
for this host (`python-<key>.cwasm`), which the tests run. Images get the component and compile it inside, with their
own wasmtime.
"""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tools.engines import javascript, licenses, python
from tools.engines.javascript import LOCK
from tools.engines.places import ROOT, cache
from tools.engines.processes import run
from tools.engines.python import PACKAGES, WIT

SOURCES = {language: ROOT / "runtime-image" / "engines" / language for language in ("python", "javascript")}
PRECOMPILE_SOURCE = ROOT / "runtime-image" / "src" / "genapps_runtime" / "guest" / "precompile.py"


_BUILDS: dict[str, tuple[list[Path], tuple[str, ...], str, Callable[[Path, Path], None]]] = {
    "python": ([WIT], ("componentize-py", *PACKAGES), "about 15 s", python.build),
    "javascript": ([LOCK, *javascript.TOOLS], ("wasmtime",), "two minutes the first time, then 15 s", javascript.build),
}
"""By language: inputs beside its sources, packages whose versions matter, the usual time, and what builds it."""

PRECOMPILE = (sys.executable, "-m", "genapps_runtime.main", "precompile")


def component(language: str = "python", sources: Path | None = None) -> Path:
    """The engine as a component, built when its inputs have changed; `sources` is a folder in place of ours."""
    folder = sources or SOURCES[language]
    places, tools, usual, build = _BUILDS[language]
    target = cache() / "engines" / _digest([*places, folder], *tools) / f"{language}.wasm"
    if not target.exists():
        step = f"engine {language}: building the component ({usual})"
        _build(step, target, lambda partial: build(folder, partial))
    return target


def precompiled(language: str = "python", sources: Path | None = None) -> Path:
    """The engine as machine code for this host and its wasmtime."""
    source = component(language, sources)
    key = _digest([PRECOMPILE_SOURCE], "wasmtime")
    target = source.with_name(f"{language}-{key}.cwasm")
    if not target.exists():
        _build(
            f"engine {language}: compiling for this host (2 to 15 s)",
            target,
            lambda partial: run([*PRECOMPILE, str(source), str(partial)]),
        )
    return target


def stage(language: str = "python") -> Path:
    """Put the component where the image build takes it from."""
    staged = ROOT / "build" / "engines" / f"{language}.wasm"
    staged.parent.mkdir(parents=True, exist_ok=True)
    source = component(language)
    if not staged.exists() or staged.stat().st_mtime_ns != source.stat().st_mtime_ns:
        shutil.copy2(source, staged)
    return staged


def stage_all() -> None:
    """The components of all languages, and the licences of what is in them."""
    for language in SOURCES:
        stage(language)
    licenses.write(ROOT / "build" / "engines" / "licenses")


def _build(step: str, target: Path, make: Callable[[Path], None]) -> None:
    """Make the file beside its place and rename it: it is whole or absent, also when two builds race."""
    print(step, flush=True)
    begun = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        make(partial)
        _leave_page_cache(partial)
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    print(f"  done in {time.monotonic() - begun:.0f} s: {target.stat().st_size / 1e6:.0f} MB", flush=True)


def _leave_page_cache(path: Path) -> None:
    """A file that was just written in one piece is cached in large pages.

    The kernel maps each of them as a whole, which adds 9 MiB to a process that runs the file. Nodes unpack it from an
    image's layer and do not have that, so the test of an idle pod's memory must not have it either.
    """
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _digest(places: list[Path], *tools: str) -> str:
    """Of files, and of all sources in folders, by their names from there on."""
    digest = hashlib.sha256(" ".join(f"{tool} {version(tool)}" for tool in tools).encode())
    for place in places:
        for path in sorted(filter(_is_source, place.rglob("*"))) if place.is_dir() else [place]:
            content = path.read_bytes()
            digest.update(f"\n{path.relative_to(place.parent)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts
