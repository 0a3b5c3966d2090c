# SPDX-License-Identifier: Apache-2.0
"""Builds the guest language engines on the host: `python -m tools.engines`.

The component (`python.wasm`) is kept in `$GENAPPS_CACHE/engines/<digest of its inputs>/`, together with machine code
for this host (`python-<key>.cwasm`), which the tests run. Images get the component and compile it inside, with their
own wasmtime.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIT = ROOT / "runtime-image" / "wit"
SOURCES = {"python": ROOT / "runtime-image" / "engines" / "python"}
PACKAGES = ("tzdata",)
"""Packages that the engine takes in, from the locked development dependencies."""
PRECOMPILE_SOURCE = ROOT / "runtime-image" / "src" / "genapps_runtime" / "guest" / "precompile.py"


PRECOMPILE = (sys.executable, "-m", "genapps_runtime.main", "precompile")


def cache() -> Path:
    """Where builds are kept, outside the checkout."""
    return Path(os.environ.get("GENAPPS_CACHE") or Path.home() / ".cache" / "genapps")


def component(language: str = "python", sources: Path | None = None) -> Path:
    """The engine as a component, built when its inputs have changed; `sources` is a folder in place of ours."""
    folder = sources or SOURCES[language]
    target = cache() / "engines" / _digest([WIT, folder], "componentize-py", *PACKAGES) / f"{language}.wasm"
    if not target.exists():
        _build(
            f"engine {language}: building the component (about 15 s)",
            target,
            lambda partial: _componentize(folder, partial),
        )
    return target


def precompiled(language: str = "python", sources: Path | None = None) -> Path:
    """The engine as machine code for this host and its wasmtime."""
    source = component(language, sources)
    key = _digest([PRECOMPILE_SOURCE], "wasmtime")
    target = source.with_name(f"{language}-{key}.cwasm")
    if not target.exists():
        _build(
            f"engine {language}: compiling for this host (about 15 s)",
            target,
            lambda partial: _run([*PRECOMPILE, str(source), str(partial)]),
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


def _componentize(folder: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="genapps-engine-") as place:
        # A copy, because the build leaves its byte code beside the sources.
        left_out = shutil.ignore_patterns("__pycache__")
        sources = shutil.copytree(folder, Path(place) / folder.name, ignore=left_out)
        packages = Path(place) / "packages"
        for package in PACKAGES:
            spec = find_spec(package)
            assert spec is not None
            shutil.copytree(Path(spec.origin or "").parent, packages / package, ignore=left_out)
        command = str(Path(sys.executable).with_name("componentize-py"))
        paths = ["-p", str(sources), "-p", str(packages)]
        arguments = ["-d", str(WIT), "-w", "app", "componentize", *paths, "engine", "-o", str(target)]
        _run([command, "--quiet", *arguments])


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


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")


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


if __name__ == "__main__":
    for name in SOURCES:
        print(f"engine {name}: {precompiled(name)}")
        stage(name)
