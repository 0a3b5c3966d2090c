# SPDX-License-Identifier: Apache-2.0
"""The engine that runs the code: of the package genapps-engines, as machine code of this machine.

The package holds components. Each is compiled at its first use, which takes some seconds, into the cache of the user:
`$XDG_CACHE_HOME/genapps/engines`, by the digest of the component and of everything that the machine code depends on.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from genapps.laptop.named import SourceError

PACKAGE = "genapps_engines"
RUNTIME = "genapps_runtime"
_INSTALL = "pip install 'genapps[dev]'"
_COMPILED = ".cwasm"


def need_runtime() -> None:
    """Raises SourceError where the runtime is not installed."""
    if find_spec(RUNTIME) is None:
        raise SourceError(f"genapps dev needs the runtime of apps: {_INSTALL}")


async def engine_file(
    language: str, given: Path | None, environ: Mapping[str, str], say: Callable[[str], None]
) -> Path:
    """The machine code for a language; `given` is a component or machine code in place of the package's.

    Raises SourceError where there is none, or it does not compile.
    """
    component = given or _packaged(language)
    if not component.is_file():
        raise SourceError(f"{component}: there is no such engine")
    if component.suffix == _COMPILED:
        return component
    target = compiled(component, language, environ)
    if not target.exists():
        say(f"compiling the engine for {language} on this machine, once: this takes half a minute at most")
        await _compile(component, target)
    return target


def compiled(component: Path, language: str, environ: Mapping[str, str]) -> Path:
    """Where the machine code of a component is kept, whether it is there or not."""
    found = component.stat()
    return _cache(environ) / f"{language}-{_key(component, found.st_mtime_ns, found.st_size)}{_COMPILED}"


def _packaged(language: str) -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(f"genapps dev needs the engines of apps: {_INSTALL}")
    component = Path(spec.submodule_search_locations[0]) / f"{language}.wasm"
    if not component.is_file():
        raise SourceError(f"the installed genapps-engines has no engine for {language}")
    return component


@lru_cache(maxsize=4)
def _key(component: Path, _written: int, _size: int) -> str:
    """Of the component, of wasmtime and of how the runtime compiles with it. It takes a tenth of a second: a change of
    the app does not wait for it again.
    """
    with component.open("rb") as content:
        found = hashlib.file_digest(content, "sha256")
    how = find_spec(f"{RUNTIME}.guest.precompile")
    found.update(Path(how.origin).read_bytes() if how and how.origin else b"")
    return f"{found.hexdigest()[:16]}-wasmtime-{version('wasmtime')}"


def _cache(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "genapps" / "engines"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # machine code that will be executed
    except OSError as error:
        why = error.strerror or "cannot be made"
        raise SourceError(f"{folder}: {why}; name another place in XDG_CACHE_HOME") from None
    return folder


async def _compile(component: Path, target: Path) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    command = (sys.executable, "-m", f"{RUNTIME}.main", "precompile", str(component), str(partial))
    process = await asyncio.create_subprocess_exec(
        *command,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us: we end it
    )
    try:
        _, said = await process.communicate()
        if process.returncode:
            lines = said.decode("utf-8", "replace").strip().splitlines() or ["no reason was given"]
            raise SourceError(f"{component}: is no engine: {lines[-1][-500:]}")
        partial.rename(target)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        partial.unlink(missing_ok=True)
