# SPDX-License-Identifier: Apache-2.0
"""Can this Python load? An early judgement, before a running app is switched to it; the runtime's refusal is the fence.

Only what fails for certain is found: the entry is followed through the files that it imports for certain.
"""

from collections.abc import Mapping

from genapps.api.bundles import PUBLIC
from genapps.api.modules import FOR_PACKAGES, FRAMEWORKS, PACKAGES, PYTHON_MODULES, REFUSED, SDK, WORKERS, in_place_of
from genapps.core.code.encoding import source_text
from genapps.core.code.imports import Import, certain_imports
from genapps.core.code.lines import BrokenError
from genapps.core.code.packages import VENDORED, BundleModules
from genapps.core.code.problems import missing, rejected
from genapps.core.observed import SourceProblem
from genapps.core.text import plain

__all__ = ["scan_python"]

SCANNED_CHARACTERS = 1024 * 1024
"""Of the files that are followed: hostile text takes two seconds for as many. Nothing is said about what comes then."""

_SUFFIX = ".py"
_IMPORTABLE = frozenset(PYTHON_MODULES) | {SDK, WORKERS, *FRAMEWORKS}
_FOR_PACKAGES = _IMPORTABLE | {*FOR_PACKAGES}
_INNER = REFUSED.keys() | {name for name in PACKAGES if "." in name}
_OF_THE_API = (f"{SDK}.py", f"{SDK}/__init__.py", f"{VENDORED}{SDK}.py", f"{VENDORED}{SDK}/__init__.py")


def scan_python(entry: str, files: Mapping[str, bytes]) -> SourceProblem | None:
    """Why a bundle of Python files certainly does not load, with file and line; None where nothing is certain."""
    if not entry.endswith(_SUFFIX):
        return rejected(f"The entry {entry} is not a Python file. Name a file that ends in .py.")
    texts = _texts(files)
    if isinstance(texts, SourceProblem):
        return texts
    modules = BundleModules(entry, texts, files.keys() - texts.keys())
    executed, left = [*modules.executed(entry.removesuffix(_SUFFIX))] or [entry], SCANNED_CHARACTERS
    known = {*executed}
    for file in executed:
        left -= len(texts[file])
        if left < 0 and file != executed[0]:
            return None
        try:
            imports = certain_imports(texts[file])
        except BrokenError as error:
            return rejected(f"{file}, line {error.line}: {error}. Correct the line.", file, error.line)
        lacking = [(one, instead) for one in imports if (instead := _lack(modules, file, one)) is not None]
        if lacking:
            # two names from one module are one import
            places = dict.fromkeys(f"{_named(one)} ({file}, line {one.line})" for one, _ in lacking)
            return missing([*places], lacking[0][1], file, lacking[0][0].line)
        followed = {path: None for one in imports for path in modules.imported(file, one) if path not in known}
        known |= followed.keys()
        executed += followed
    return None


def _texts(files: Mapping[str, bytes]) -> dict[str, str] | SourceProblem:
    """The files with code by path."""
    texts: dict[str, str] = {}
    for path, content in sorted(files.items()):
        if path.endswith(_SUFFIX) and not path.startswith(PUBLIC):
            try:
                texts[path] = source_text(content)
            except ValueError as error:
                return rejected(f"{path} {error}.", path, 1)
            if path in _OF_THE_API:
                return rejected(f"{path} has the name of the API, genapps. Rename it.", path, 1)
    return texts


def _lack(modules: BundleModules, file: str, one: Import) -> str | None:
    """Why an import fails for certain: what to use in its place, nothing where that is not known. None: it may work."""
    place = modules.place(file, one)
    if place is not None:
        if (native := modules.native(place, one.name, file)) is not None:
            return f"{plain(native, 100)} is native code, which does not run in apps. Use a package in pure Python."
        return f"The bundle has no file {plain(place, 100)}.py." if modules.lacks(place) else None
    if one.level:
        return ""
    whole = _whole(one)
    if file.startswith(VENDORED):
        found = one.module in _FOR_PACKAGES or one.module.startswith("_")
        return None if found and (whole not in REFUSED or whole in _FOR_PACKAGES) else in_place_of(whole)
    return None if one.module in _IMPORTABLE and whole not in _INNER else in_place_of(whole)


def _whole(one: Import) -> str:
    """The module that is lacking: `from http import server` needs `http.server`, which is no name in `http`."""
    inner = f"{one.module}.{one.name}"
    return inner if not one.level and one.module in _FOR_PACKAGES and inner in _INNER else one.module


def _named(one: Import) -> str:
    return plain("." * min(one.level, 3) + _whole(one), 60) or "."
