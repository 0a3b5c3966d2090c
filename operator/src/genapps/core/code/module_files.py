# SPDX-License-Identifier: Apache-2.0
"""Which file of a bundle a module is, and which files an import of it executes."""

from collections.abc import Collection, Iterator

from genapps.core.code.imports import Import

_PACKAGE = "/__init__.py"
_SUFFIX = ".py"


class Modules:
    """The modules that the Python files of a bundle are, by their dotted names. A folder with code is a package, with
    or without an `__init__.py`."""

    def __init__(self, paths: Collection[str]) -> None:
        # A package comes after a file of its name and takes its place, as in Python.
        self._files = {_name(path): path for path in sorted(paths)}
        self._own = {path.partition("/")[0].removesuffix(_SUFFIX) for path in paths}

    def has(self, one: Import, path: str) -> bool:
        """Whether an import in the file `path` may find a module here. What is in a package nobody knows but the
        package: it may make modules as it is executed."""
        return any(name.partition(".")[0] in self._own for name in self._names(one, path))

    def executed_by(self, one: Import, path: str) -> Iterator[str]:
        """The files that an import in the file `path` executes: those of the packages around the module, its own, and
        that of a module which is taken from it by name."""
        for name in self._names(one, path):
            parts = [*name.split("."), *([one.name] if one.name else [])]
            for depth in range(1, len(parts) + 1):
                if (found := self._files.get(".".join(parts[:depth]))) is not None:
                    yield found

    def _names(self, one: Import, path: str) -> Iterator[str]:
        """The dotted names that are looked for: of a relative import also the one without its dots, because a file
        beside the entry is found by it."""
        if one.module:
            yield one.module
        folders = _folders(path)
        if 0 < one.level <= len(folders):
            yield ".".join([*folders[: len(folders) - one.level + 1], *([one.module] if one.module else [])])


def _name(path: str) -> str:
    return (path.removesuffix(_PACKAGE) if path.endswith(_PACKAGE) else path.removesuffix(_SUFFIX)).replace("/", ".")


def _folders(path: str) -> list[str]:
    return path.split("/")[:-1]
