# SPDX-License-Identifier: Apache-2.0
"""What a model says of a field beside its type: a default, another name, bounds."""

import operator
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from .errors import Place, unfit

UNSET: Final[Any] = type("Unset", (), {"__repr__": lambda _: "PydanticUndefined"})()
"""No default: the field is required."""
_BOUNDS = {
    "gt": ("greater_than", "greater than", operator.gt),
    "ge": ("greater_than_equal", "greater than or equal to", operator.ge),
    "lt": ("less_than", "less than", operator.lt),
    "le": ("less_than_equal", "less than or equal to", operator.le),
}
_LENGTHS = {"min_length": ("short", "at least", operator.ge), "max_length": ("long", "at most", operator.le)}
_TELLING = frozenset({"title", "description", "examples", "example"})
"""What only a schema would show, and apps have none."""
_END = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""A `$` of a pattern, and before it what may hold another one that is none: an escape, a class."""


class FieldInfo:
    """The default of a field, or how to make it; its name outside of the model; what its value must be."""

    def __init__(
        self,
        default: Any = UNSET,
        *,
        default_factory: Callable[[], Any] | None = None,
        alias: str | None = None,
        pattern: str | None = None,
        **more: Any,
    ) -> None:
        """Raises TypeError for what is not known here."""
        for name in more:
            if name not in _BOUNDS and name not in _LENGTHS and name not in _TELLING:
                raise TypeError(f"apps have no {name!r} of a field")
        self.default = UNSET if default is ... else default
        self.default_factory = default_factory
        self.alias = alias
        self.bounds = {name: bound for name, bound in more.items() if name not in _TELLING and bound is not None}
        self.pattern = pattern
        self._matches = None if pattern is None else _compiled(pattern)

    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is UNSET and self.default_factory is None

    def get_default(self) -> Any:
        """The default; what can change (a list, a model) is copied whole, so that no two requests share it."""
        if self.default_factory is not None:
            return self.default_factory()
        try:
            hash(self.default)
        except TypeError:
            return deepcopy(self.default)
        return self.default

    def check(self, value: Any, place: Place) -> None:
        """Raises Unfit for a value beyond its bounds."""
        for name, bound in self.bounds.items():
            if name in _BOUNDS:
                kind, words, holds = _BOUNDS[name]
                if not holds(value, bound):
                    raise unfit(kind, place, f"Input should be {words} {bound}", value, **{name: bound})
            elif not _LENGTHS[name][2](len(value), bound):
                raise _of_length(name, bound, value, place)
        if self._matches is not None and not self._matches.search(value):
            text = f"String should match pattern '{self.pattern}'"
            raise unfit("string_pattern_mismatch", place, text, value, pattern=self.pattern)


def _compiled(pattern: str) -> re.Pattern[str]:
    """With pydantic's `$`, the end of the text: Python's is also before a last line break."""
    found = re.compile(pattern)
    if found.flags & re.MULTILINE:
        return found
    return re.compile(_END.sub(lambda part: r"\Z" if part[0] == "$" else part[0], pattern))


def _of_length(name: str, bound: int, value: Any, place: Place) -> Exception:
    end, words, _ = _LENGTHS[name]
    plural = "" if bound == 1 else "s"
    if isinstance(value, str):
        text = f"String should have {words} {bound} character{plural}"
        return unfit(f"string_too_{end}", place, text, value, **{name: bound})
    kind = {"list": "List", "dict": "Dictionary", "set": "Set"}.get(type(value).__name__, "Value")
    text = f"{kind} should have {words} {bound} item{plural} after validation, not {len(value)}"
    told: dict[str, Any] = {"field_type": kind, name: bound, "actual_length": len(value)}
    return unfit(f"too_{end}", place, text, value, **told)


def Field(default: Any = UNSET, **more: Any) -> Any:  # noqa: N802  pydantic's name
    """What a model says of a field: its default, and the bounds of its value."""
    return FieldInfo(default, **more)
