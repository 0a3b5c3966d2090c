# SPDX-License-Identifier: Apache-2.0
"""What a text of SQL begins with, and where its statements end."""

import re
from collections.abc import Iterator
from functools import lru_cache

_BLANK = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_PIECE = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|;"""
    r"""|[A-Za-z_]\w*|\S""",
    re.DOTALL,
)
_NAME = r"""\s+(?:"((?:[^"]|"")+)"|'((?:[^']|'')+)'|`([^`]+)`|\[([^\]]+)\]|(\w+))\s*;?\s*\Z"""
_SAVEPOINT = re.compile(r"savepoint" + _NAME, re.IGNORECASE)
_RELEASE = re.compile(r"release(?:\s+savepoint)?" + _NAME, re.IGNORECASE)
_BACK_TO = re.compile(r"rollback(?:\s+transaction)?\s+to(?:\s+savepoint)?" + _NAME, re.IGNORECASE)
_WHOLE = re.compile(
    r"(begin|commit|end|rollback)(?:\s+(?:deferred|immediate|exclusive))?(?:\s+transaction)?\s*;?\s*\Z", re.IGNORECASE
)


@lru_cache(64)
def first_word(text: str) -> str:
    """The first word in lower case; nothing when there is none."""
    blank = _BLANK.match(text)
    found = _WORD.match(text, blank.end() if blank else 0)
    return found[0].lower() if found else ""


@lru_cache(64)
def transaction_step(text: str) -> tuple[str, str]:
    """What a statement about a transaction does (begin, commit, rollback, savepoint, release or back), and with which
    name.

    Two empty texts when it is none.
    """
    blank = _BLANK.match(text)
    text = text[blank.end() if blank else 0 :]
    whole = _WHOLE.match(text)
    if whole:
        step = whole[1].lower()
        return ("commit" if step == "end" else step), ""
    for step, pattern in (("savepoint", _SAVEPOINT), ("release", _RELEASE), ("back", _BACK_TO)):
        found = pattern.match(text)
        if found:
            return step, next(name for name in found.groups() if name is not None).lower()
    return "", ""


def statements(script: str) -> Iterator[str]:
    """The statements of a script, without what has only blanks and comments."""
    begin, told, words = 0, False, list[str]()
    for piece in _PIECE.finditer(script):
        text = piece[0]
        if text == ";" and not _inside_trigger(words):
            if told:
                yield script[begin : piece.start()]
            begin, told, words = piece.end(), False, []
        elif not text.startswith(("--", "/*")):
            told = told or text != ";"
            words.append(text.lower())
    if told:
        yield script[begin:]


def is_complete(text: str) -> bool:
    """Whether the text ends with the end of a statement."""
    last, words = "", list[str]()
    for piece in _PIECE.finditer(text):
        if not piece[0].startswith(("--", "/*")):
            last = ";" if piece[0] == ";" and not _inside_trigger(words) else "other"
            words = [] if last == ";" else [*words[-20:], piece[0].lower()]
    return last == ";"


def _inside_trigger(words: list[str]) -> bool:
    """Whether these are the first ones of CREATE TRIGGER, whose END has not come."""
    return words[:1] == ["create"] and "trigger" in words[:3] and words[-2:] != [";", "end"] and words[-1:] != ["end"]
