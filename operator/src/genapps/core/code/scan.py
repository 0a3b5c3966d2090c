# SPDX-License-Identifier: Apache-2.0
"""Can this code load? An early judgement, before a running app is switched to it; the runtime's refusal is the fence.

Only what fails for certain is found: the entry is followed through the files that it imports for certain.
"""

from collections.abc import Mapping, Sequence

from genapps.api.bundles import PUBLIC
from genapps.api.conditions import Reason, next_step
from genapps.api.modules import PYTHON_MODULES, REFUSED, SDK, WORKERS, in_place_of
from genapps.core.code.encoding import source_text
from genapps.core.code.imports import Import, certain_imports
from genapps.core.code.lines import BrokenError
from genapps.core.code.module_files import Modules
from genapps.core.observed import SourceProblem
from genapps.core.text import plain

__all__ = ["scan_python"]

SHOWN = 3
"""Missing modules that a message names."""
SCANNED_CHARACTERS = 1024 * 1024
"""Of the files that are followed: hostile text takes two seconds for as many. Nothing is said about what comes then."""

_MISSING = Reason.MODULE_NOT_AVAILABLE
_SUFFIX = ".py"
_IMPORTABLE = frozenset(PYTHON_MODULES) | {SDK, WORKERS}


def scan_python(entry: str, files: Mapping[str, bytes]) -> SourceProblem | None:
    """Why a bundle of Python files certainly does not load, with file and line; None where nothing is certain."""
    if not entry.endswith(_SUFFIX):
        return _rejected(f"The entry {entry} is not a Python file. Name a file that ends in .py.")
    texts: dict[str, str] = {}
    for path, content in sorted(files.items()):
        if path.endswith(_SUFFIX) and not path.startswith(PUBLIC):
            try:
                texts[path] = source_text(content)
            except ValueError as error:
                return _rejected(f"{path} {error}.", path, 1)
    modules = Modules(texts)
    executed, left = [entry], SCANNED_CHARACTERS
    for path in executed:
        left -= len(texts[path])
        if left < 0 and path != entry:
            return None
        try:
            imports = certain_imports(texts[path])
        except BrokenError as error:
            return _rejected(f"{path}, line {error.line}: {error}. Correct the line.", path, error.line)
        lacking = [one for one in imports if not _available(one, path, modules)]
        if lacking:
            # Two names from one module are one import.
            places = dict.fromkeys(f"{_named(one)} ({path}, line {one.line})" for one in lacking)
            return _missing([*places], in_place_of(_whole(lacking[0])), path, lacking[0].line)
        followed = dict.fromkeys(found for one in imports for found in modules.executed_by(one, path))
        executed += [found for found in followed if found not in executed]
    return None


def _missing(places: Sequence[str], instead: str, file: str, line: int) -> SourceProblem:
    """`instead` says what to use in place of the first one; nothing where that is not known."""
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    message = f"Module not available to apps: {', '.join(places[:SHOWN])}{more}. {instead or next_step(_MISSING)}"
    return SourceProblem(_MISSING, message, file, line)


def _available(one: Import, path: str, modules: Modules) -> bool:
    """As the engine's `__import__` finds it: a file of the app first, also for a relative import of its name."""
    if modules.has(one, path):
        return True
    if one.level:
        return False
    return one.module in _IMPORTABLE and _whole(one) not in REFUSED


def _whole(one: Import) -> str:
    """The module that is lacking: `from http import server` needs `http.server`, which is no name in `http`."""
    inner = f"{one.module}.{one.name}"
    return inner if not one.level and one.module in _IMPORTABLE and inner in REFUSED else one.module


def _named(one: Import) -> str:
    return plain("." * min(one.level, 3) + _whole(one), 60) or "."


def _rejected(message: str, file: str = "", line: int = 0) -> SourceProblem:
    return SourceProblem(Reason.CODE_REJECTED, message, file, line)
