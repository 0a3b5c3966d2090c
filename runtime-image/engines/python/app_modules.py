# SPDX-License-Identifier: Apache-2.0
"""Finds and loads the modules in the app's files, its own and those of packages, as Python does from a folder.

A file is compiled when it is imported and never before: that takes half a millisecond a kilobyte in a guest.
"""

import importlib
import linecache
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from stdlib import listed, stored
from stdlib.tree import APP

VENDORED = f"{APP}/site-packages"
"""Where packages are that others wrote."""
_NATIVE = (".so", ".pyd", ".dylib")


class ModuleNotAvailable(ModuleNotFoundError):  # noqa: N818  the name of the reason that users see
    """An import of a module that is neither on the list nor in the bundle."""

    def __init__(self, name: str, why: str = "") -> None:
        sentence = why or listed.in_place_of(name) or "`genapps modules` prints the list."
        super().__init__(f"module not available to apps: {name}. {sentence}", name=name)


class AppModules:
    """One of `sys.meta_path`. Its paths begin with /app.

    `names` has the modules at the top, with their names in `sys.modules`. A module that is called as one of Python's
    has another name there: the app gets its own, and Python's library gets Python's.
    """

    def __init__(self, entry: str, sources: Mapping[str, str], others: Iterable[str], builtins: dict[str, Any]) -> None:
        """`sources` are the texts of the files with code by their paths below /app, `others` the paths of the rest.

        Raises ValueError for a module with the name of the API.
        """
        self.loaded: list[str] = []
        """The paths of the files that ran, below /app."""
        self._builtins = builtins
        self._entry = entry
        self._sources = {f"{APP}/{name}": text for name, text in sources.items()}
        self._native = {_without_suffix(f"{APP}/{name}"): name for name in others if name.endswith(_NATIVE)}
        self._folders: set[str] = set()
        for path in (*self._sources, *self._native):
            self._folders.update(_above(path))
        self._roots = list(dict.fromkeys((APP, f"{APP}/{entry}".rpartition("/")[0], VENDORED)))
        self.names = {name: _renamed(name) for name in self._at_the_top()}
        if "genapps" in self.names:
            raise ValueError("the bundle has a module `genapps`, which is the name of the API: rename it")
        self._written = {own: name for name, own in self.names.items()}

    def load_entry(self) -> ModuleType:
        """Run the entry, and before it the packages that it is in. Raises what they raise."""
        name = self._entry.removesuffix(".py")
        if "/" in name:
            top, *inner = name.removesuffix("/__init__").split("/")
            return importlib.import_module(".".join([self.names[top], *inner]))
        spec = self._spec(_renamed(name), f"{APP}/{self._entry}")
        module = sys.modules[spec.name] = module_from_spec(spec)
        self.run(module, f"{APP}/{self._entry}")
        return module

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Where a module of the app is, None for the name of any other.

        Raises ModuleNotAvailable for what a package of the app lacks, and for native code.
        """
        if path is None:
            folders, last = self._roots if name in self._written else (), self._written.get(name, "")
        else:
            folders, last = [one for one in path if one in self._folders], name.rpartition(".")[2]
        spaces = []
        for folder in folders:
            place = f"{folder}/{last}"
            if (file := f"{place}/__init__.py") in self._sources:
                return self._spec(name, file, [place])
            if (file := f"{place}.py") in self._sources:
                return self._spec(name, file)
            if place in self._native:
                error = ModuleNotAvailable(name, f"{self._native[place]} is native code, which apps cannot run.")
                error.name = None  # else `from package import name` would pass it on as a missing attribute
                raise error
            if place in self._folders:
                spaces.append(place)
        if spaces:
            return self._spec(name, None, spaces)
        if folders:
            raise ModuleNotAvailable(name, f"The bundle has no file {folders[0].removeprefix(APP)[1:]}/{last}.py.")
        return None

    @staticmethod
    def find_distributions(context: Any) -> Iterator[Any]:
        """The packages that say what they are, for `importlib.metadata`."""
        from importlib.metadata import DistributionFinder, MetadataPathFinder

        places = DistributionFinder.Context(name=context.name, path=[VENDORED, APP])
        yield from MetadataPathFinder.find_distributions(places)

    def run(self, module: ModuleType, path: str) -> None:
        """Run a file as this module. Raises what it raises."""
        text = self._sources[path]
        filename = path.removeprefix(f"{APP}/")
        self.loaded.append(filename)
        linecache.cache[filename] = (partial(self._sources.__getitem__, path),)  # split when a trace needs its lines
        code = compile(text, filename, "exec", flags=0, dont_inherit=True)
        vars(module).update(__builtins__=self._builtins, __file__=path)
        exec(code, vars(module))  # noqa: S102  this is what the engine is for

    def text(self, path: str) -> str:
        """The text of a file with code."""
        return self._sources[path]

    def _spec(self, name: str, path: str | None, places: list[str] | None = None) -> ModuleSpec:
        loader = _Loader(self, path, (places or [f"{path}".rpartition("/")[0]])[0])
        spec = ModuleSpec(name, loader, origin=path, is_package=places is not None)  # type: ignore[arg-type]
        if places is not None:
            spec.submodule_search_locations = places
        return spec

    def _at_the_top(self) -> Iterator[str]:
        """The names of modules and packages that can be imported without a package. Where Python has a module of that
        name, a folder is one only with an `__init__.py`, or with the entry in it.
        """
        for root in self._roots:
            below = len(root) + 1
            for path in (*self._sources, *(f"{module}." for module in self._native)):
                if path.startswith(f"{root}/"):
                    name, inner, _ = path[below:].partition("/")
                    whole = f"{root}/{name}/__init__.py" in self._sources or path == f"{APP}/{self._entry}"
                    if not inner:
                        yield name.partition(".")[0]
                    elif whole or not _is_pythons(name):
                        yield name


class _Loader:
    """The loader of one module of the app; `place` is the folder that its data is in."""

    def __init__(self, modules: AppModules, path: str | None, place: str) -> None:
        self._modules = modules
        self._path = path
        self._place = place

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Python makes it."""

    def exec_module(self, module: ModuleType) -> None:
        """Run its file, if it is no mere folder."""
        if self._path is not None:
            self._modules.run(module, self._path)

    def get_source(self, _name: str) -> str | None:
        """Its text, for `inspect`."""
        return self._modules.text(self._path) if self._path is not None else None

    def get_resource_reader(self, _name: str) -> "_Loader":
        """Itself, for `importlib.resources`."""
        return self

    def files(self) -> Path:
        """The folder of its data."""
        return Path(self._place)

    @staticmethod
    def get_data(path: str) -> bytes:
        """The content of a file. Raises OSError."""
        return Path(path).read_bytes()


def _above(path: str) -> Iterator[str]:
    while (path := path.rpartition("/")[0]) != APP:
        yield path


def _without_suffix(path: str) -> str:
    """Native modules have names such as `name.cpython-314-x86_64-linux-gnu.so`."""
    folder, _, file = path.rpartition("/")
    return f"{folder}/{file.partition('.')[0]}"


def _is_pythons(name: str) -> bool:
    return name in sys.modules or stored.has(name)


def _renamed(name: str) -> str:
    return f"{name}@app" if _is_pythons(name) else name
