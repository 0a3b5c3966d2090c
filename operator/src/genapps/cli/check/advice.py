# SPDX-License-Identifier: Apache-2.0
"""What the engine will say about code that is otherwise in order: routes that it refuses, warnings, calls that fail."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from genapps.api.bundles import PUBLIC
from genapps.api.conditions import Reason
from genapps.api.modules.javascript import SUFFIXES, in_place_of
from genapps.api.source import Language
from genapps.core.code.encoding import source_text, utf8_text
from genapps.core.code.habits import changed_globals
from genapps.core.code.javascript.imports import Call, imports_of
from genapps.core.code.javascript.scan import NO_REQUIRE, resolved
from genapps.core.code.packages import VENDORED
from genapps.core.code.routes import route_faults
from genapps.core.observed import Bundle
from genapps.core.text import plain

IN_MODULE = "StateInModule"
"""An object at module level that functions change."""
FAILS_WHEN_CALLED = "FailsWhenCalled"
"""A call of something that apps do not have: the app loads, and may never get there."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`code` is CodeRejected where the app will not load, and StateInModule or FailsWhenCalled where it will."""

    file: str
    line: int
    code: str
    message: str


def advice_on(language: Language, bundle: Bundle) -> tuple[Advice, ...]:
    """By file and line; nothing on what this version of Python cannot read."""
    advice = _ADVICE.get(language)
    return advice(bundle.digest, tuple(bundle.files.items())) if advice else ()


@lru_cache(maxsize=64)
def _on_python(_digest: str, files: tuple[tuple[str, bytes], ...]) -> tuple[Advice, ...]:
    found: list[Advice] = []
    for name, content in sorted(files):
        if not name.endswith(".py") or name.startswith((PUBLIC, VENDORED)):
            continue
        try:
            source = source_text(content)
            faults, changes = route_faults(source), changed_globals(source)
        except (SyntaxError, ValueError, RecursionError):
            continue  # the engine's Python may be newer than this one
        for fault in faults:
            message = f"{name}, line {fault.line}: {fault.message}"
            found.append(Advice(name, fault.line, Reason.CODE_REJECTED, message))
        found += [Advice(name, one.line, IN_MODULE, f"{name}, line {one.line}: {one}") for one in changes]
    return tuple(found)


@lru_cache(maxsize=64)
def _on_javascript(_digest: str, files: tuple[tuple[str, bytes], ...]) -> tuple[Advice, ...]:
    found: list[Advice] = []
    paths = {path for path, _ in files}
    for name, content in sorted(files):
        if not name.endswith(SUFFIXES) or name.startswith(PUBLIC):
            continue
        try:
            calls = imports_of(utf8_text(content)).calls
        except ValueError:
            continue  # nothing imports it: else it was refused
        for one in calls:
            if instead := _instead(one, name, paths):
                called = f"{one.function}({f'{one.specifier!r}' if one.specifier else '...'})"
                message = f"{name}, line {one.line}: {plain(called, 80)} fails where it is called. {instead}"
                found.append(Advice(name, one.line, FAILS_WHEN_CALLED, message))
    return tuple(found)


def _instead(call: Call, file: str, paths: Collection[str]) -> str:
    """What to use in place of a call that fails; nothing where it may work."""
    if call.function == "require":
        return NO_REQUIRE
    if call.function != "import":
        return "Apps make no code from text."
    if not call.specifier.startswith((".", "/")):
        return in_place_of(call.specifier)
    path = resolved(file, call.specifier)
    return "" if path is None or path in paths else f"The bundle has no file {plain(path, 100)}."


_ADVICE = {Language.PYTHON: _on_python, Language.JAVASCRIPT: _on_javascript}
