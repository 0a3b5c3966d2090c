# SPDX-License-Identifier: Apache-2.0
"""Python source as logical lines without strings and comments: a lexical scan, linear in time and memory.

The code is hostile, and the guest's Python (3.14) is newer than ours: our own parser would crash or swell on some
sources and refuse others that are fine there. What this finds wrong is wrong in every version.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

DEEPEST = 400
"""Open brackets and replacement fields; CPython itself stops at 200 of the one and 150 of the other."""

_TEXT = "'"
"""What stands for a string in a logical line: no letter, so that it joins nothing."""
_CLOSES = {")": "(", "]": "[", "}": "{"}
_LITERAL, _FIELD, _SPEC = "literal", "field", "spec"
_NEXT_IN_CODE = re.compile(r"""[#"'\n\\()\[\]{}]""")
_NEXT_IN_FIELD = re.compile(r"""[#"'\n\\()\[\]{}:]""")
_NEXT_IN_TEXT = {quote: re.compile(rf"\\(?s:.)|\n|{quote}") for quote in ("'", '"', "'''", '"""')}
_NEXT_IN_LITERAL = {quote: re.compile(rf"[\\{{}}\n]|{quote}") for quote in ("'", '"', "'''", '"""')}
_BLANK = re.compile(r"[ \t\f]*")


class BrokenError(Exception):
    """The source cannot be compiled by any Python; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Line(NamedTuple):
    """One logical line: where it starts, how far it is indented, and its code without strings and comments."""

    number: int
    indent: int
    code: str


class _Open(NamedTuple):
    """What has to be closed: a bracket, or a part of an f-string (literal, field, spec)."""

    kind: str
    line: int
    quote: str = ""
    raw: bool = False


def logical_lines(source: str) -> Iterator[Line]:
    """The lines in order; raises BrokenError at what cannot be code, at the latest at the end."""
    if "\0" in source:
        raise BrokenError(source[: source.index("\0")].count("\n") + 1, "source code cannot contain null bytes")
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    yield from _Scan(text).lines()


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._open: list[_Open] = []
        self._literals = 0
        self._pieces: list[str] = []
        self._begun = 1

    def lines(self) -> Iterator[Line]:
        while self._at < len(self._text):
            top = self._open[-1].kind if self._open else ""
            if top in (_LITERAL, _SPEC):
                self._literal()
            elif (line := self._code(top == _FIELD)) is not None:
                yield line
        if self._open:
            opened = self._open[-1]
            what = f"'{opened.kind}' was never closed" if opened.kind in _CLOSES.values() else "unterminated f-string"
            raise BrokenError(opened.line, what)
        if (line := self._ended()) is not None:
            yield line

    def _code(self, in_field: bool) -> Line | None:
        """Take code up to the next thing that matters, and that; the logical line that ends there, if one does."""
        found = (_NEXT_IN_FIELD if in_field else _NEXT_IN_CODE).search(self._text, self._at)
        end = found.start() if found else len(self._text)
        before = self._text[self._at : end]
        self._keep(before)
        self._at = end + 1
        if found is None:
            return None
        match found.group():
            case "\n":
                return self._newline()
            case "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            case "\\":
                self._continued()
            case "'" | '"' as quote:
                self._string(quote, before)
            case ":":
                self._enter(_Open(_SPEC, self._line, self._open[-1].quote, self._open[-1].raw))
            case "(" | "[" | "{" as bracket:
                self._enter(_Open(bracket, self._line))
                self._keep(bracket)
            case bracket:
                self._close(bracket)
        return None

    def _newline(self) -> Line | None:
        self._line += 1
        if self._open:
            self._keep(" ")
            return None
        return self._ended()

    def _ended(self) -> Line | None:
        code, number = "".join(self._pieces), self._begun
        self._pieces.clear()
        self._begun = self._line
        blank = _BLANK.match(code)
        width = blank.end() if blank else 0
        if width == len(code):
            return None
        return Line(number, _columns(code[:width]), code[width:].rstrip())

    def _continued(self) -> None:
        if self._text[self._at : self._at + 1] != "\n":
            what = "unexpected character after line continuation character"
            raise BrokenError(self._line, what if self._at < len(self._text) else "unexpected end of file")
        self._at += 1
        self._line += 1
        self._keep(" ")

    def _close(self, bracket: str) -> None:
        opened = self._open[-1].kind if self._open else None
        if opened is None:
            raise BrokenError(self._line, f"unmatched '{bracket}'")
        if opened == _FIELD and bracket == "}":
            self._open.pop()
        elif opened == _CLOSES[bracket]:
            self._open.pop()
            self._keep(bracket)
        else:
            raise BrokenError(self._line, f"'{bracket}' does not match what is open before it")

    def _string(self, quote: str, before: str) -> None:
        if self._text.startswith(quote * 2, self._at):
            self._at += 2
            quote *= 3
        prefix = _prefix(before)
        if prefix and not self._literals:
            # The letters were kept as code: they belong to the string.
            self._pieces[-1] = self._pieces[-1][: -len(prefix)]
        self._keep(_TEXT)
        if "f" in prefix or "t" in prefix:
            self._enter(_Open(_LITERAL, self._line, quote, "r" in prefix))
        else:
            self._plain(quote)

    def _plain(self, quote: str) -> None:
        """To the end of a string whose opening quote was taken."""
        began, text = self._line, self._text
        for found in _NEXT_IN_TEXT[quote].finditer(text, self._at):
            taken = found.group()
            if taken == quote:
                self._at = found.end()
                return
            if taken == "\n" and len(quote) == 1:
                break
            self._line += taken[-1] == "\n"
        raise BrokenError(began, "unterminated string")

    def _literal(self) -> None:
        """In an f-string, outside of its fields: up to the next thing that matters, and that."""
        opened, text = self._open[-1], self._text
        found = _NEXT_IN_LITERAL[opened.quote].search(text, self._at)
        if found is None:
            raise BrokenError(opened.line, "unterminated f-string")
        self._at = found.end()
        in_spec = opened.kind == _SPEC
        match found.group():
            case "\\":
                self._escape(opened.raw)
            case "\n":
                if len(opened.quote) == 1:
                    raise BrokenError(opened.line, "unterminated f-string")
                self._line += 1
            case "{" | "}" as brace if not in_spec and text.startswith(brace, self._at):
                self._at += 1
            case "{":
                self._enter(_Open(_FIELD, self._line, opened.quote, opened.raw))
            case "}" if in_spec:
                del self._open[-2:]  # the field that it is the specification of ends with it
            case "}":
                raise BrokenError(self._line, "f-string: single '}' is not allowed")
            case _ if in_spec:
                raise BrokenError(self._line, "f-string: expecting '}'")
            case _:
                self._open.pop()
                self._literals -= 1

    def _escape(self, raw: bool) -> None:
        """After a backslash in an f-string. It keeps quotes from ending it, and does not hide braces."""
        if not raw and self._text.startswith("N{", self._at):
            end = self._text.find("}", self._at, self._at + 200)
            self._at = self._at + 2 if end < 0 else end + 1
        elif (after := self._text[self._at : self._at + 1]) not in ("{", "}"):
            self._line += after == "\n"
            self._at += 1

    def _enter(self, opened: _Open) -> None:
        if len(self._open) >= DEEPEST:
            raise BrokenError(self._line, "too many nested parentheses")
        self._open.append(opened)
        self._literals += opened.kind == _LITERAL

    def _keep(self, code: str) -> None:
        """Expressions in f-strings hold no statements: they are left out."""
        if code and not self._literals:
            if not self._pieces:
                self._begun = self._line
            self._pieces.append(code)


def _prefix(before: str) -> str:
    """The letters before a quote that belong to its string, in lower case."""
    start = len(before)
    while start and len(before) - start < 2 and before[start - 1] in "rRbBuUfFtT":
        start -= 1
    joined = start > 0 and (before[start - 1].isalnum() or before[start - 1] == "_")
    return "" if joined else before[start:].lower()


def _columns(blank: str) -> int:
    """Like CPython: a tab leads to the next multiple of eight, a form feed back to the start."""
    column = 0
    for character in blank:
        column = 0 if character == "\f" else column + 8 - column % 8 if character == "\t" else column + 1
    return column
