# SPDX-License-Identifier: Apache-2.0
"""Where the engine comes from: compiled once for each component, and refused where there is none."""

import asyncio
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from genapps.laptop import engine
from genapps.laptop.engine import compiled, engine_file, need_runtime
from genapps.laptop.named import SourceError

EMPTY = b"\0asm\x0d\0\1\0"
"""The smallest component."""


def file_of(language: str, given: Path | None, environ: dict[str, str], say: Callable[[str], None]) -> Path:
    return asyncio.run(engine_file(language, given, environ, say))


def unsaid(_: str) -> None:
    """Nobody listens."""


@pytest.fixture
def component(tmp_path: Path) -> Path:
    (tmp_path / "x.wasm").write_bytes(EMPTY)
    return tmp_path / "x.wasm"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_a_component_is_compiled_once_and_says_so(component: Path, environ: dict[str, str]) -> None:
    said: list[str] = []
    first = file_of("python", component, environ, said.append)
    assert first.read_bytes().startswith(b"\x7fELF")
    assert first.stat().st_mode & 0o022 == 0
    assert first.parent.stat().st_mode & 0o077 == 0
    assert file_of("python", component, environ, said.append) == first
    assert said == ["compiling the engine for python on this machine, once: this takes half a minute at most"]


def test_a_place_that_cannot_keep_it_is_refused(component: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="Not a directory; name another place in XDG_CACHE_HOME"):
        file_of("python", component, {"XDG_CACHE_HOME": str(tmp_path / "file")}, unsaid)


def test_another_component_is_compiled_anew(component: Path, environ: dict[str, str]) -> None:
    before = compiled(component, "python", environ)
    component.write_bytes(EMPTY + b"\0\1\0")
    assert compiled(component, "python", environ) != before


def test_machine_code_is_taken_as_it_is(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "x.cwasm").write_bytes(b"")
    assert file_of("python", tmp_path / "x.cwasm", environ, unsaid) == tmp_path / "x.cwasm"


def test_what_is_no_component_is_refused_and_not_kept(component: Path, environ: dict[str, str]) -> None:
    component.write_bytes(b"\0asm\x0d\0\1\0\xff")
    with pytest.raises(SourceError, match=r"is no engine: [^\n]+$"):
        file_of("python", component, environ, unsaid)
    assert list(Path(environ["XDG_CACHE_HOME"]).rglob("*wasm*")) == []


def test_without_the_packages_the_command_says_what_to_install(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match="there is no such engine"):
        file_of("python", tmp_path / "gone.wasm", environ, unsaid)
    found: dict[str, ModuleSpec] = {}
    monkeypatch.setattr(engine, "find_spec", found.get)
    with pytest.raises(SourceError, match=r"needs the runtime of apps: pip install 'genapps\[dev\]'"):
        need_runtime()
    found[engine.RUNTIME] = ModuleSpec(engine.RUNTIME, None)
    need_runtime()
    with pytest.raises(SourceError, match="needs the engines of apps"):
        file_of("python", None, environ, unsaid)
    found[engine.PACKAGE] = ModuleSpec(engine.PACKAGE, None, is_package=True)
    found[engine.PACKAGE].submodule_search_locations = [str(tmp_path)]
    with pytest.raises(SourceError, match="has no engine for javascript"):
        file_of("javascript", None, environ, unsaid)
