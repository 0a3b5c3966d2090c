# SPDX-License-Identifier: Apache-2.0
"""What a file of JavaScript imports, and what it calls that apps do not have."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from genapps.core.code.javascript.tokens import Kind, Token, tokens

MOST = 1000
"""Imports of a file, and calls, that are looked at: no code that people or models write has as many."""

_DECLARING = frozenset({"const", "let"})
_CALLED = frozenset({"require", "eval", "Function"})
_STATEMENTS = frozenset({"import", "export", "const", "let", "var", "function", "class", "async", "return"})


class Import(NamedTuple):
    """The text between the quotes, and the line of the statement."""

    specifier: str
    line: int


class Call(NamedTuple):
    """`function` is import, require, eval or Function; `specifier` what import and require name."""

    function: str
    specifier: str
    line: int


@dataclass(slots=True)
class Found:
    """What a file asks for, in the order of its text."""

    imports: list[Import] = field(default_factory=list)
    """Static imports, and exports from another module: they happen before the file runs."""
    calls: list[Call] = field(default_factory=list)
    """Calls that may be reached, with a literal where they name a module."""
    required: list[Import] = field(default_factory=list)
    """Calls of `require` that run for certain, in a file that imports nothing and cannot have a `require`."""


def imports_of(source: str) -> Found:
    """What can be told for certain. Where the scan of the text is not sure, less is found."""
    return _Reader(source).found()


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source.removeprefix("\ufeff")
        self._tokens = tokens(self._source)
        self._ahead: deque[Token] = deque()
        self._last: deque[Token] = deque(maxlen=3)
        self._found = Found()
        self._may_require = True
        self._counted = 0
        self._line = 1
        self._words: dict[str, Callable[[Token], None]] = {
            "import": self._import, "export": self._export, **dict.fromkeys(_CALLED, self._call),
        }  # fmt: skip

    def found(self) -> Found:
        while (token := self._next()) is not None:
            if token.kind is Kind.WORD and token.text in self._words:
                if not token.member:
                    self._words[token.text](token)
                elif token.text == "require":
                    self._may_require = False  # `globalThis.require = ...`
            self._last.append(token)
            if len(self._found.imports) + len(self._found.calls) >= MOST:
                break
        if not self._may_require:
            self._found.calls = [one for one in self._found.calls if one.function != "require"]
        if not self._may_require or self._found.imports:
            self._found.required = []
        return self._found

    def _import(self, token: Token) -> None:
        if self._is_next("("):
            self._call(token)
        elif not self._is_next(".") and token.depth == 0 and token.sure:
            self._statement(token)

    def _export(self, token: Token) -> None:
        if token.depth == 0 and token.sure and (self._is_next("*") or self._is_next("{")):
            self._statement(token)

    def _statement(self, token: Token) -> None:
        """The names up to `from`, and the module."""
        before = token
        while (one := self._peek()) is not None:
            ends = one.kind is Kind.STRING and one.depth == 0
            if ends and (before.text == "from" or before.text == "import"):
                self._add(token, one)
            names = one.kind is Kind.WORD or one.kind is Kind.STRING or one.text in {",", "*", "{", "}"}
            over = one.depth == 0 and (one.text in _STATEMENTS or (before.text == "}" and one.text != "from"))
            if ends or not names or over:
                return
            self._last.append(one)
            before = one
            self._next()

    def _add(self, token: Token, module: Token) -> None:
        if "\\" not in module.text:  # nobody writes escapes into the name of a module: the engine reads them
            self._found.imports.append(Import(module.text[1:-1], self._line_of(token)))

    def _call(self, token: Token) -> None:
        if token.text == "require" and (not self._is_next("(") or (self._last and self._last[-1].text == "function")):
            self._may_require = False  # it is declared, passed on or asked for
            return
        if not self._is_next("("):
            return
        argument, end = self._peek(1), self._peek(2)
        specifier = ""
        if token.text in {"require", "import"}:
            if argument is None or argument.kind is not Kind.STRING or "\\" in argument.text:
                return
            if end is None or end.text not in {")", ","}:
                return
            specifier = argument.text[1:-1]
        self._found.calls.append(Call(token.text, specifier, self._line_of(token)))
        if token.text == "require" and self._is_declaration(token):
            self._found.required.append(Import(specifier, self._line_of(token)))

    def _is_declaration(self, token: Token) -> bool:
        """`const name = require(...)` at the top of the file."""
        if token.depth or not token.sure or len(self._last) < 3:
            return False
        declaring, name, equals = self._last
        return declaring.text in _DECLARING and name.kind is Kind.WORD and equals.text == "="

    def _next(self) -> Token | None:
        return self._ahead.popleft() if self._ahead else next(self._tokens, None)

    def _peek(self, place: int = 0) -> Token | None:
        while len(self._ahead) <= place:
            if (token := next(self._tokens, None)) is None:
                return None
            self._ahead.append(token)
        return self._ahead[place]

    def _is_next(self, text: str) -> bool:
        token = self._peek()
        return token is not None and token.text == text

    def _line_of(self, token: Token) -> int:
        self._line += self._source.count("\n", self._counted, token.start)
        self._counted = token.start
        return self._line
