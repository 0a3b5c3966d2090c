# SPDX-License-Identifier: Apache-2.0
"""JavaScript source as tokens: a lexical scan, linear in time, with bounded nesting.

The code is hostile, and may be newer than this scan. Whether `/` divides or begins a regular expression depends on the
whole grammar: it is told from the token before, and where that is not certain, what follows is marked. The scan ends
without a word at what it cannot follow: the engine refuses what is no JavaScript.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

DEEPEST = 10_000
"""Open brackets and templates: no engine takes as many."""

_TOKEN = re.compile(
    r"""
    (?P<blank>(?:\s|\ufeff)++)
    |(?P<comment>//[^\n\r\u2028\u2029]*+|/\*)
    |(?P<number>\.?[0-9][\w.]*+)
    |(?P<word>(?:[\w$\#\u200c\u200d]|\\u(?:\{[0-9A-Fa-f]{1,8}\}|[0-9A-Fa-f]{4}))++)
    |(?P<string>'(?:[^'\\\n\r]|\\\r\n|\\(?s:.))*+'|"(?:[^"\\\n\r]|\\\r\n|\\(?s:.))*+")
    |(?P<punctuator>\.\.\.|=>|\+\+|--|[^'"\\])
    """,
    re.VERBOSE,
)
_TEMPLATE = re.compile(r"(?:[^`\\$]|\\(?s:.)|\$(?!\{))*+(`|\$\{)")
_REGEX = re.compile(
    r"/(?:[^\\/\[\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029]|\[(?:[^\]\\\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029])*+\])++/[\w$]*+"
)
_CLOSES = {")": "(", "]": "[", "}": "{"}
_BEFORE_VALUES = frozenset(
    {
        "await", "case", "default", "delete", "do", "else", "extends", "in", "instanceof", "new", "return", "throw",
        "typeof", "void", "yield",
    }
)  # fmt: skip
"""Words that are followed by an expression: `/` begins a regular expression."""
_PERHAPS_BEFORE_VALUES = frozenset({"break", "continue", "debugger", "of"})
_CONDITIONAL = frozenset({"if", "for", "while", "with"})
"""What is in brackets behind them is followed by a statement."""


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    """A name or a keyword, as it is written."""
    STRING = "string"
    TEMPLATE = "template"
    """A piece of a template: up to what is inserted, or to its end."""
    NUMBER = "number"
    REGEX = "regex"
    PUNCTUATOR = "punctuator"


class Token(NamedTuple):
    """One token. A bracket has the depth of what is around it."""

    kind: Kind
    text: str
    start: int
    depth: int
    """Brackets and templates that are open."""
    member: bool
    """It follows a dot: a name, whatever word it is."""
    sure: bool
    """Nothing was guessed before it."""


class _Open(NamedTuple):
    """A bracket, or a template (by its back quote), with the token before it."""

    bracket: str
    before: Token | None


def tokens(source: str) -> Iterator[Token]:
    """The tokens in order, without comments, up to the first place that cannot be followed."""
    return _Scan(source.removeprefix("\ufeff")).tokens()


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = len(text.partition("\n")[0]) if text.startswith("#!") else 0
        self._open: list[_Open] = []
        self._last: Token | None = None
        self._closed: _Open | None = None
        """What the last token closed."""
        self._sure = True

    def tokens(self) -> Iterator[Token]:
        while (found := _TOKEN.match(self._text, self._at)) is not None:
            kind, text = found.lastgroup, found.group()
            if kind == "blank" or (kind == "comment" and text != "/*"):
                self._at = found.end()
                continue
            if kind == "comment":
                self._at = self._text.find("*/", found.end()) + 2
                if self._at < 2:
                    return
                continue
            token = self._punctuator(text) if kind == "punctuator" else self._taken(Kind(kind), text)
            if token is None:
                return
            yield token
            self._last = token

    def _taken(self, kind: Kind, text: str) -> Token:
        token = Token(kind, text, self._at, len(self._open), self._after_a_dot(), self._sure)
        self._at += len(text)
        self._closed = None
        return token

    def _after_a_dot(self) -> bool:
        return self._last is not None and self._last.text == "." and self._last.kind is Kind.PUNCTUATOR

    def _punctuator(self, text: str) -> Token | None:
        if text == "/" and self._begins_a_value():
            found = _REGEX.match(self._text, self._at)
            return None if found is None else self._taken(Kind.REGEX, found.group())
        if text == "`":
            return self._template()
        if text in _CLOSES:
            return self._close(text)
        token = self._taken(Kind.PUNCTUATOR, text)
        if text in _CLOSES.values():
            return token if self._enter(text) else None
        return token

    def _enter(self, bracket: str) -> bool:
        self._open.append(_Open(bracket, self._last))
        return len(self._open) <= DEEPEST

    def _close(self, bracket: str) -> Token | None:
        if not self._open:
            return None
        opened = self._open.pop()
        if opened.bracket == "`" and bracket == "}":
            return self._template()
        if opened.bracket != _CLOSES[bracket]:
            return None
        token = self._taken(Kind.PUNCTUATOR, bracket)
        self._closed = opened
        return token

    def _template(self) -> Token | None:
        """From a back quote, or the bracket that ends what is inserted."""
        found = _TEMPLATE.match(self._text, self._at + 1)
        if found is None:
            return None
        token = self._taken(Kind.TEMPLATE, self._text[self._at : found.end()])
        return token if found[1] == "`" or self._enter("`") else None

    def _begins_a_value(self) -> bool:
        """Whether a value, and no operator, is to come: told from the token before."""
        last = self._last
        if last is None:
            return True
        match last.kind:
            case Kind.WORD:
                self._sure &= last.member or last.text not in _PERHAPS_BEFORE_VALUES
                return not last.member and last.text in _BEFORE_VALUES | _PERHAPS_BEFORE_VALUES
            case Kind.TEMPLATE:
                return not last.text.endswith("`")
            case Kind.PUNCTUATOR:
                return self._begins_after(last.text)
            case _:
                return False

    def _begins_after(self, punctuator: str) -> bool:
        before = self._closed.before if self._closed else None
        word = before.text if before is not None and before.kind is Kind.WORD and not before.member else ""
        if punctuator == ")":
            self._sure &= word != "await"  # `for await (...)`, or a value that is waited for
            return word in _CONDITIONAL
        if punctuator == "}":
            # The end of a block, or of an object.
            self._sure = False
            return before is None or before.text in {")", ";", "{", "}", "=>", "else", "try", "finally", "do"}
        return punctuator not in {"]", "++", "--"}
