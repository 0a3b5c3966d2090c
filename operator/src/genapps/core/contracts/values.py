# SPDX-License-Identifier: Apache-2.0
"""The bounds of a JSON value: depth, number of values, text, numbers. Looked at before a schema is applied to it.

The work is a few steps for each value, and it ends at the first one past a bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from genapps.core.contracts.pointers import ContractFault, pointer

EXACT = 2**53 - 1
"""The largest integer that every reader of JSON holds exactly (RFC 8785)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a JSON value may have."""

    depth: int
    """Levels of lists and objects inside each other."""
    values: int
    """Values in all, members of objects counted by their value."""
    string: int
    """Characters of one string or name."""
    text: int
    """Characters of all strings and names together."""


ARGUMENTS = Bounds(depth=32, values=10_000, string=64 * 1024, text=256 * 1024)
"""Of the arguments of a call."""
RESULT = Bounds(depth=64, values=100_000, string=4 * 1024 * 1024, text=4 * 1024 * 1024)
"""Of what a connector answers with."""
SCHEMA = Bounds(depth=64, values=4_000, string=4 * 1024, text=32 * 1024)
"""Of an input or an output."""

_Path = tuple[Any, str | int] | None
"""The path of a value, from its end: (the path of what holds it, its name or number)."""


_HOLDERS = frozenset({dict, list})
_KINDS = frozenset({str, int, float, bool, type(None), dict, list})
"""What parsers of JSON make."""
_FEW = 32
"""Values that are looked at one by one before all are looked at together."""


def value_fault(value: object, bounds: Bounds) -> ContractFault | None:
    """The first thing about the value that is past a bound, or that JSON cannot hold exactly."""
    left, text = bounds.values, bounds.text
    waiting: list[tuple[object, int, _Path]] = [(value, 0, None)]
    while waiting:
        if left == bounds.values - _FEW and _surely_within(value, bounds):
            return None
        item, depth, path = waiting.pop()
        holder = item if isinstance(item, dict | list) else None
        problem = _scalar_problem(item, bounds) if holder is None else _holder_problem(holder, depth, bounds)
        if problem:
            return _fault(path, problem)
        left -= 1
        text -= _text(item)
        if left < len(holder or ()):
            return ContractFault("", f"there are more than {bounds.values} values")
        if text < 0:
            return ContractFault("", f"the strings have more than {bounds.text} characters together")
        if holder:
            waiting.extend((inner, depth + 1, (path, key)) for key, inner in _members(holder))
    return None


def _surely_within(value: object, bounds: Bounds) -> bool:
    """Whether nothing is past a bound. Level by level is five times as fast for many values, and tells no place."""
    level, left, text = [value], bounds.values, bounds.text
    for depth in range(bounds.depth + 1):
        kinds = set(map(type, level))
        holders = [item for item in level if type(item) is dict or type(item) is list] if kinds & _HOLDERS else []
        left -= len(level)
        if not kinds <= _KINDS or left < sum(map(len, holders)) or (holders and depth == bounds.depth):
            return False
        names = [name for item in holders if type(item) is dict for name in item]
        strings = [*names, *(item for item in level if type(item) is str)] if str in kinds else names
        if not (set(map(type, names)) <= {str} and max(map(len, strings), default=0) <= bounds.string):
            return False
        text -= sum(map(len, strings))
        if text < 0 or not _exact_numbers(level, kinds):
            return False
        level = [inner for item in holders for inner in (item.values() if type(item) is dict else item)]
        if not level:
            return True
    return False


def _exact_numbers(level: list[Any], kinds: set[type]) -> bool:
    integers = [item for item in level if type(item) is int] if int in kinds else []
    floats = [item for item in level if type(item) is float] if float in kinds else []
    return max(integers, default=0) <= EXACT and min(integers, default=0) >= -EXACT and all(map(math.isfinite, floats))


def _members(item: dict[str, object] | list[object]) -> Iterable[tuple[str | int, object]]:
    return item.items() if isinstance(item, dict) else enumerate(item)


def _text(item: object) -> int:
    """The characters of a string, or of an object's names."""
    if isinstance(item, str):
        return len(item)
    return sum(map(len, item)) if isinstance(item, dict) else 0


def _holder_problem(item: dict[Any, object] | list[object], depth: int, bounds: Bounds) -> str | None:
    if depth == bounds.depth:
        return f"there are more than {bounds.depth} levels of lists and objects"
    if len(item) > bounds.values:
        return f"there are more than {bounds.values} values"
    if isinstance(item, dict) and any(not isinstance(name, str) or len(name) > bounds.string for name in item):
        return f"a name is no string of at most {bounds.string} characters"
    return None


def _scalar_problem(item: object, bounds: Bounds) -> str | None:
    if isinstance(item, str):
        return None if len(item) <= bounds.string else f"the string has more than {bounds.string} characters"
    if item is None or isinstance(item, bool):
        return None
    if isinstance(item, int):
        return None if -EXACT <= item <= EXACT else "the integer is beyond 2^53 - 1; send it as a string"
    if isinstance(item, float):
        return None if math.isfinite(item) else "the number is not finite"
    return "the value is none of JSON"


def _fault(path: _Path, problem: str) -> ContractFault:
    parts: list[str | int] = []
    while path is not None:
        path, part = path
        parts.append(part)
    return ContractFault(pointer(reversed(parts)), problem)
