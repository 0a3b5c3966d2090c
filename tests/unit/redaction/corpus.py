# SPDX-License-Identifier: Apache-2.0
"""Two corpora of log lines in which what should go is marked: `⟦kind:value⟧`.

All values are made up, with valid check digits, of nobody. A `¦` is left out when a line is read: it keeps scanners of
repositories from taking an invented key for a real one. `labelled.txt` is what the rules were tuned on. `held_out.txt`
was written before the rules, and nothing is tuned on it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from genapps.redaction.numbers import Span
from genapps.redaction.text import find

_MARKED = re.compile(r"⟦([a-z-]+):(.*?)⟧")


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its marks, and what they have marked."""

    text: str
    marked: tuple[Span, ...]


@dataclass(slots=True)
class Score:
    """`found` of `marked` are gone as a whole, `right` of `redacted` were marked."""

    marked: int = 0
    found: int = 0
    redacted: int = 0
    right: int = 0
    wrong_kinds: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.marked

    @property
    def precision(self) -> float:
        return self.right / self.redacted


def read(name: str) -> list[Line]:
    """The lines of a corpus."""
    return [_line(line) for line in Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()]


def _line(marked: str) -> Line:
    text, spans, at = "", [], 0
    marked = marked.replace("¦", "")
    for match in _MARKED.finditer(marked):
        text += marked[at : match.start()]
        spans.append((len(text), len(text) + len(match[2]), match[1]))
        text += match[2]
        at = match.end()
    return Line(text + marked[at:], tuple(spans))


def score(lines: list[Line]) -> Score:
    """How well the rules do on these lines."""
    total = Score()
    for line in lines:
        gone = find(line.text)
        total.marked += len(line.marked)
        total.redacted += len(gone)
        total.found += sum(
            any(left <= begin and end <= right for left, right, _ in gone) for begin, end, _ in line.marked
        )
        for left, right, kind in gone:
            kinds = {marked for begin, end, marked in line.marked if begin < right and left < end}
            total.right += bool(kinds)
            total.wrong_kinds += bool(kinds) and kind not in kinds
    return total
