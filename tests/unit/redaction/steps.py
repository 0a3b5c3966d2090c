# SPDX-License-Identifier: Apache-2.0
"""Counts what a pattern does on a text: a backtracking matcher on the syntax trees of Python's own parser.

It looks at every place where `re` skips those that cannot match, and so counts too much rather than too little. That it
finds what `re` finds is tested beside it.
"""

import re
from collections.abc import Iterator, Sequence
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

Item = tuple[Any, Any]

_ONE_CHARACTER = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
_CATEGORIES = {
    op.CATEGORY_SPACE: re.compile(r"\s"),
    op.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    op.CATEGORY_WORD: re.compile(r"\w"),
    op.CATEGORY_DIGIT: re.compile(r"\d"),
}


class Counted:
    """A pattern; `steps` grows with each item that is tried at a place."""

    def __init__(self, pattern: str) -> None:
        tree = _parser.parse(pattern)
        self._items: Sequence[Item] = tree.data
        self._lower = bool(tree.state.flags & re.IGNORECASE)
        self._groups: dict[int, tuple[int, int]] = {}
        self._text = ""
        self.steps = 0

    def spans(self, text: str) -> list[tuple[int, int]]:
        """As `finditer`."""
        self._text = text.lower() if self._lower else text
        found, at = [], 0
        while at <= len(text):
            end = next(self._run(self._items, at), None)
            if end is not None:
                found.append((at, end))
            at = end if end is not None and end > at else at + 1
        return found

    def _run(self, items: Sequence[Item], at: int) -> Iterator[int]:
        if not items:
            yield at
            return
        for end in self._try(items[0], at):
            yield from self._run(items[1:], end)

    def _try(self, item: Item, at: int) -> Iterator[int]:
        """Where this item may end that begins at `at`, in the order of trying."""
        self.steps += 1
        kind, value = item
        if kind in _ONE_CHARACTER:
            if at < len(self._text) and self._is(kind, value, self._text[at]):
                yield at + 1
        elif kind is op.BRANCH:
            for branch in value[1]:
                yield from self._run(branch.data, at)
        elif kind in _REPEATS:
            least, most, inner = value
            yield from (
                self._greedy(least, most, inner.data, at)
                if kind is op.MAX_REPEAT
                else self._in_turn(least, most, inner.data, at, lazy=kind is op.MIN_REPEAT)
            )
        else:
            yield from self._group_or_look(kind, value, at)

    def _group_or_look(self, kind: Any, value: Any, at: int) -> Iterator[int]:
        if kind is op.SUBPATTERN:
            group, _, _, inner = value
            for end in self._run(inner.data, at):
                if group is not None:
                    self._groups[group] = at, end
                yield end
            return
        if kind is op.GROUPREF:
            begin, end = self._groups[value]
            if self._text.startswith(self._text[begin:end], at):
                yield at + end - begin
            return
        if kind is op.AT:
            holds = {op.AT_END_STRING: at == len(self._text)}[value]
        else:
            direction, inner = value
            begin = at if direction > 0 else at - int(inner.getwidth()[0])
            found = begin >= 0 and next(self._run(inner.data, begin), None) is not None
            holds = found is (kind is op.ASSERT)
        if holds:
            yield at

    def _greedy(self, least: int, most: Any, inner: Sequence[Item], at: int, times: int = 0) -> Iterator[int]:
        if times < most:
            for end in self._run(inner, at):
                if end > at or times < least:
                    yield from self._greedy(least, most, inner, end, times + 1)
        if times >= least:
            yield at

    def _in_turn(self, least: int, most: Any, inner: Sequence[Item], at: int, *, lazy: bool) -> Iterator[int]:
        """A repetition that keeps what it has read, or one that reads no more than it has to."""
        times, end = 0, at
        while True:
            if lazy and times >= least:
                yield end
            following = next(self._run(inner, end), None) if times < most else None
            if following is None or following == end:
                break
            times, end = times + 1, following
        if not lazy and times >= least:
            yield end

    def _is(self, kind: Any, value: Any, character: str) -> bool:
        if kind is op.ANY:
            return True
        if kind is op.IN:
            negated = value[0][0] is op.NEGATE
            return any(self._is_in(one, character) for one in value[negated:]) is not negated
        return (self._as_is(value) == character) is (kind is op.LITERAL)

    def _is_in(self, one: Item, character: str) -> bool:
        kind, value = one
        if kind is op.LITERAL:
            return self._as_is(value) == character
        if kind is op.RANGE:
            return int(value[0]) <= ord(character) <= int(value[1])
        return _CATEGORIES[value].match(character) is not None

    def _as_is(self, code: int) -> str:
        return chr(code).lower() if self._lower else chr(code)
