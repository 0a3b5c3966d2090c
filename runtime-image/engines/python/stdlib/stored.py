# SPDX-License-Identifier: Apache-2.0
"""Modules that few apps import: their code is kept compressed in the engine, and runs when it is imported.

Loaded modules in the engine's memory cost an app nothing but its share of the tier's memory. Code in this form takes a
tenth of that, and some milliseconds at its import.
"""

import marshal
import sys
import zlib
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_CODE: dict[str, bytes] = {}
_PACKAGES: set[str] = set()


class Stored:
    """Finds and loads these modules."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """None for all other names."""
        return Stored.spec(name) if name in _CODE else None

    @staticmethod
    def spec(name: str) -> ModuleSpec:
        """The spec of a module that is kept."""
        return ModuleSpec(name, Stored, origin="stored", is_package=name in _PACKAGES)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Python makes it."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Run the code."""
        code = marshal.loads(zlib.decompress(_CODE[module.__name__]))  # noqa: S302  it is the engine's own
        exec(code, module.__dict__)  # noqa: S102  as every loader does


_COPIED = frozenset({"html.parser"})
"""Python-Markdown makes a second module of it, to change that."""


def keep(library: Path, names: Iterable[str]) -> None:
    """Keep the code of these modules of a folder, unless they are loaded. Runs while the engine is built."""
    for name in names:
        place = library.joinpath(*name.split("."))
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if name in _COPIED:
            sys.modules[name].__spec__ = Stored.spec(name)
        elif name in sys.modules or not file.is_file():
            continue
        if place.is_dir():
            _PACKAGES.add(name)
        code = compile(file.read_bytes(), f"<{name}>", "exec", dont_inherit=True)
        _CODE[name] = zlib.compress(marshal.dumps(code), 9)


def has(name: str) -> bool:
    """Whether the module of this name is kept."""
    return name in _CODE


def names() -> frozenset[str]:
    """All that are kept."""
    return frozenset(_CODE)
