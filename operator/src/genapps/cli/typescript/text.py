# SPDX-License-Identifier: Apache-2.0
"""A text of which parts are blanked: its length and its lines stay."""

import re
from typing import NoReturn

_LINE_ENDS = "\n\r\u2028\u2029"
_BETWEEN = re.compile(r"(?:\s|\ufeff|//[^\n\r\u2028\u2029]*+|/\*(?s:.*?)\*/)*+")


class TypeScriptError(ValueError):
    """What cannot be made JavaScript by leaving types out; `line` and `column` (in characters) count from 1."""

    def __init__(self, path: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{path}, line {line}, column {column}: {message}")
        self.path = path
        self.line = line
        self.column = column
        self.message = message


class BlankedText:
    """The text of a file; `str` of it is what is left after everything that was blanked or written."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._given = text
        self._now = list(text)
        self._written: set[int] = set()

    def __str__(self) -> str:
        return "".join(self._now)

    def blank(self, start: int, end: int) -> None:
        """Spaces in place of everything but line ends, and what was written before."""
        for place in range(start, end):
            if self._given[place] not in _LINE_ENDS and place not in self._written:
                self._now[place] = " "

    def write(self, place: int, letter: str) -> None:
        """Put one character where another one was."""
        self._now[place] = letter
        self._written.add(place)

    def move(self, place: int, to: int) -> None:
        """Put a character elsewhere, and a space in its place."""
        self.blank(place, place + 1)
        self.write(to, self._given[place])

    def spans_lines(self, start: int, end: int) -> bool:
        """Whether a line ends between the two."""
        return any(letter in _LINE_ENDS for letter in self._given[start:end])

    def next_code(self, place: int) -> int:
        """Where the next thing is that is no blank and no comment; the end of the text where there is none."""
        found = _BETWEEN.match(self._given, place)
        return found.end() if found else place

    def at(self, place: int) -> str:
        """The given character; empty at the end."""
        return self._given[place : place + 1]

    def refuse(self, place: int, message: str) -> NoReturn:
        """Raise TypeScriptError for what begins there."""
        before = self._given[:place]
        raise TypeScriptError(self._path, before.count("\n") + 1, place - before.rfind("\n"), message)
