# SPDX-License-Identifier: Apache-2.0
"""What the engine will say about Python code that is otherwise in order: routes that it refuses, and its warnings."""

from dataclasses import dataclass
from functools import lru_cache

from genapps.api.bundles import PUBLIC
from genapps.api.conditions import Reason
from genapps.core.code.encoding import source_text
from genapps.core.code.habits import changed_globals
from genapps.core.code.packages import VENDORED
from genapps.core.code.routes import route_faults
from genapps.core.observed import Bundle

IN_MODULE = "StateInModule"
"""An object at module level that functions change."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`code` is CodeRejected where the app will not load, and StateInModule where it will."""

    file: str
    line: int
    code: str
    message: str


def advice_on(bundle: Bundle) -> tuple[Advice, ...]:
    """By file and line; nothing on what this version of Python cannot read."""
    return _advice(bundle.digest, tuple(bundle.files.items()))


@lru_cache(maxsize=64)
def _advice(_digest: str, files: tuple[tuple[str, bytes], ...]) -> tuple[Advice, ...]:
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
