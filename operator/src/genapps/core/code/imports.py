# SPDX-License-Identifier: Apache-2.0
"""Which modules a file imports for certain when it is executed, and which it merely may."""

import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from genapps.core.code.lines import BrokenError, Line, logical_lines

MOST = 1000
"""Different imports of one file: no code that people or models write has as many."""
DEEPEST_INDENT = 100
"""As in CPython."""

_WORD = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"[^\W\d]\w*|\S")
_HEADER = re.compile(r"(?:async\s+)?([^\W\d]\w*)")
_FUNCTION = frozenset({"def"})
_PERHAPS = frozenset({"if", "elif", "else", "for", "while", "with", "match", "case", "except"})
_CERTAIN = frozenset({"class", "try", "finally"})
_BLOCKS = _FUNCTION | _PERHAPS | _CERTAIN
_CATCHING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_EXCEPTIONS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)


class Import(NamedTuple):
    """One import: the module as written (`level` dots before it), where, and a name taken `from` it, if any."""

    module: str
    level: int
    name: str | None
    line: int


@dataclass(eq=False, slots=True)
class _Block:
    """A compound statement by its header."""

    word: str
    indent: int
    guarded: bool = False
    """A `try` of which a later `except` catches a failed import."""
    tries: "list[_Block]" = field(default_factory=list)
    """What an `except` belongs to."""


def certain_imports(source: str) -> tuple[Import, ...]:
    """The imports that happen whenever the file is executed, in order; raises BrokenError.

    Left out are those in functions, under conditions and loops, in `with` (which may suppress errors), and in a `try`
    whose `except` catches a failed import.
    """
    found: dict[tuple[str, int, str | None, tuple[_Block, ...]], int] = {}
    for line, blocks in _in_blocks(source):
        if "import" not in line.code or any(block.word not in _CERTAIN for block in blocks):
            continue
        tries = tuple(block for block in blocks if block.word == "try")
        for module, level, name in _imports(line.code):
            found.setdefault((module, level, name, tries), line.number)
            if len(found) > MOST:
                raise BrokenError(line.number, f"more than {MOST} different imports")
    return tuple(
        Import(module, level, name, number)
        for (module, level, name, tries), number in found.items()
        if not any(block.guarded for block in tries)
    )


def _in_blocks(source: str) -> Iterator[tuple[Line, list[_Block]]]:
    """Each logical line with the blocks that it is in; its own, where it is a header with a body on the same line."""
    blocks: list[_Block] = []
    indents, opens = [0], False
    for line in logical_lines(source):
        _check_indent(line, indents, opens)
        before = None
        while blocks and blocks[-1].indent >= line.indent:
            before = blocks.pop()
        header = _HEADER.match(line.code)
        word = header.group(1) if header else ""
        if word in _BLOCKS:
            block = _Block(word, line.indent)
            if word == "except" and before is not None:
                block.tries = [before] if before.word == "try" else before.tries
                for tried in block.tries:
                    tried.guarded |= _catches(line.code)
            blocks.append(block)
        yield line, blocks
        opens = line.code.endswith(":")


def _check_indent(line: Line, indents: list[int], opens: bool) -> None:
    """What CPython says about indentation; `opens`: the line before ends with a colon. Updates `indents`."""
    if opens and line.indent <= indents[-1]:
        raise BrokenError(line.number, "expected an indented block")
    if not opens and line.indent > indents[-1]:
        raise BrokenError(line.number, "unexpected indent")
    if opens:
        indents.append(line.indent)
        if len(indents) > DEEPEST_INDENT:
            raise BrokenError(line.number, "too many levels of indentation")
    while line.indent < indents[-1]:
        indents.pop()
    if line.indent != indents[-1]:
        raise BrokenError(line.number, "unindent does not match any outer indentation level")


def _catches(header: str) -> bool:
    """Whether an `except` may catch an ImportError: it names a class of it, nothing, or something of the app's own."""
    named = header.removeprefix("except").partition(":")[0].partition(" as ")[0]
    names = _WORD.findall(named)
    return not names or any(name in _CATCHING or name not in _EXCEPTIONS for name in names)


def _imports(code: str) -> Iterator[tuple[str, int, str | None]]:
    """`import` is a keyword: wherever it stands, it is the statement, and what follows `from` before it the module."""
    tokens = (match.group() for match in _TOKEN.finditer(code))
    origin: tuple[str, int] | None = None
    for token in tokens:
        if token == "from":  # noqa: S105 (no password)
            origin, token = _origin(tokens)
        if token == "import":  # noqa: S105
            yield from _from(tokens, *origin) if origin else _modules(tokens)
        origin = None


def _origin(tokens: Iterator[str]) -> tuple[tuple[str, int], str]:
    """After `from`: module and level, and the token that ends them."""
    parts: list[str] = []
    level = 0
    for token in tokens:
        if token == "." and not parts:  # noqa: S105
            level += 1
        elif token == "import" or not (token == "." or _WORD.match(token)):  # noqa: S105
            return ("".join(parts), level), token
        else:
            parts.append(token)
    return ("", 0), ""


def _from(tokens: Iterator[str], module: str, level: int) -> Iterator[tuple[str, int, str | None]]:
    """The names after `from module import`."""
    named = False
    for token in tokens:
        if token == ";":  # noqa: S105
            break
        if token == "as":  # noqa: S105
            next(tokens, None)
        elif token == "*" or _WORD.match(token):  # noqa: S105
            named = True
            yield module, level, token
    if not named:
        yield module, level, None


def _modules(tokens: Iterator[str]) -> Iterator[tuple[str, int, str | None]]:
    """The dotted names after `import`."""
    parts: list[str] = []
    for token in tokens:
        if token == ";":  # noqa: S105
            break
        if token == "as":  # noqa: S105
            next(tokens, None)
        elif token == ",":  # noqa: S105
            yield "".join(parts), 0, None
            parts = []
        else:
            parts.append(token)
    yield "".join(parts), 0, None
