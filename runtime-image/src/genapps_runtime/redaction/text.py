# SPDX-License-Identifier: Apache-2.0
"""Takes secrets and personal data out of a text; each is replaced by `[redacted:<kind>]`.

What is looked for, what is not, and how well it is found: docs/design/0048.
"""

import re
import unicodedata
from collections.abc import Iterator
from operator import itemgetter

from .numbers import Span, ibans, numbers
from .rules import NAMES, RULES

KEPT_BACK = 64
"""Characters. What is longer than this is recognised by its beginning."""
SECRET = "[redacted:secret]"  # noqa: S105  a marker
_SHORTEST = 6
is_plain = re.compile(r"(?:sha256:[0-9a-f]{32})?[0-9a-f]{32}|[a-z/._-]*|[A-Z]?[a-z /_-]*").fullmatch
"""Whether a text holds nothing that is looked for: many paths and sentences, and this project's ids and digests."""
_has_number = re.compile(r"[0-9][0-9 .-]{7}").search
_names_secret = re.compile(rf"(?:{NAMES}|cookies?)\Z").search
_has_digit = re.compile("[0-9]").search
_begin = itemgetter(0)


def redact(text: str) -> str:
    """The text without what is secret or personal. Takes a time in proportion to its length."""
    spans = find(text)
    if not spans:
        return text
    pieces, at = list[str](), 0
    for begin, end, kind in spans:
        pieces += (text[at:begin], f"[redacted:{kind}]")
        at = end
    return "".join((*pieces, text[at:]))


def find(text: str) -> list[Span]:
    """What is secret or personal in the text, in order: none of these overlap."""
    if len(text) < _SHORTEST or is_plain(text):
        return []
    folded = text if text.isascii() else text.translate(_FOLDED)
    spans = sorted(_spans(folded), key=_begin)
    if not spans:
        return []
    if len(folded) == len(text):
        return list(_merged(spans))
    # Characters that nobody sees are not in the folded text: where each of its characters stands in the text.
    places = [place for place, character in enumerate(text) if _FOLDED[ord(character)]]
    return [(places[begin], places[end - 1] + 1, kind) for begin, end, kind in _merged(spans)]


def shown(text: str, limit: int) -> str:
    """The redacted text, of at most `limit` characters.

    Of a text that is cut, here or before, the last word goes, and numbers before it: it may be the first half of what
    nobody would recognise without its second one.
    """
    if len(text) < limit:
        return redact(text)[:limit]
    kept = redact(text[: limit + KEPT_BACK])
    end = max(0, len(kept) - KEPT_BACK)
    words = kept[end:].split(" ")[:-1]
    while words and _has_digit(words[-1]):
        words.pop()
    return (kept[:end] + " ".join(words))[:limit]


def is_secret_name(name: str) -> bool:
    """Whether the value of a field with this name is a secret, whatever it looks like."""
    return _names_secret((name if name.isascii() else name.translate(_FOLDED)).lower()) is not None


def _spans(text: str) -> Iterator[Span]:
    lower = text.lower()
    for rule in RULES:
        for hint in rule.hints:
            if hint in lower:
                for match in rule.compiled.finditer(lower if rule.lower else text):
                    if rule.check is None or rule.check(match):
                        yield *match.span(match.lastindex or 0), rule.kind
                break
    if _has_number(text):
        yield from numbers(text)
        yield from ibans(text)


def _merged(spans: list[Span]) -> Iterator[Span]:
    """Spans that do not overlap: of those that do, the kind of the first."""
    begin, end, kind = spans[0]
    for left, right, other in spans[1:]:
        if left < end:
            end = max(end, right)
        else:
            yield begin, end, kind
            begin, end, kind = left, right, other
    yield begin, end, kind


class _Folded(dict[int, str]):
    """What a character looks like in ASCII; nothing for one that nobody sees, itself for any other."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf":
            return ""
        if category == "Nd":
            return str(unicodedata.decimal(character))
        if category in {"Zs", "Pd"}:
            return " " if category == "Zs" else "-"
        alike = unicodedata.normalize("NFKC", character)
        return alike if len(alike) == 1 and alike.isascii() else character


_FOLDED = _Folded({code: chr(code) for code in range(128)} | {ord("İ"): "I"})  # it is two characters in lower case
