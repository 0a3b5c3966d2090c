# SPDX-License-Identifier: Apache-2.0
"""Holds the words and the line length of what people read. Part of `make lint`.

Prose in Markdown is wrapped at 100 columns, so that a change of one sentence is a change of one line. Words of the
house that a newcomer has to decode are refused everywhere, and docstrings have one markup: single backticks.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

COLUMNS = 100
GENERATED = frozenset({"docs/reference.md", "docs/chart.md"})
CHECKED = frozenset({".md", ".py", ".yaml", ".yml", ".go", ".toml", ".tpl", ".txt", ".mjs"})
"""Suffixes of the files in which words are looked for."""
SKIPPED = (
    "locks/", "crds/", "charts/genapps/templates/crds/", "tests/golden/", "changelog.d/", "LICENSE",
    "runtime-image/engines/licenses/",
)  # fmt: skip
SELF = frozenset({"tools/prose.py", "tests/unit/tools/test_prose.py"})
"""They hold the words that are looked for."""

WORDS = {
    r"\bears\b": "watches",
    r"\bhands\b": "the client, or writes",
    r"\bstations?\b": "step",
    r"\bfor ever\b": "forever",
    r"\bby itself\b": "automatically, or on its own",
    r"\b(he|his|him)\b": "they, their, them",
    r"\bnewcomers?\b": "app without a record (in code)",
    r"\bstanding\b": "state",
}
"""Pattern (matched without regard to case) and what to write instead."""
ONLY_IN_CODE = frozenset({r"\bnewcomers?\b", r"\bstanding\b", r"\bby itself\b"})
"""Ordinary English in a text, a riddle in a name or a docstring."""


class Fault(NamedTuple):
    """One line that breaks a rule."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """As compilers print it, so that editors can jump there."""
        return f"{self.path}:{self.line}: {self.message}"


def faults(path: str, text: str) -> Iterator[Fault]:
    """Every line of `text` that breaks a rule; `path` is relative to the root and decides which rules hold."""
    if path.endswith(".md") and path not in GENERATED:
        yield from _long_lines(path, text)
    if path not in SELF:
        yield from _words(path, text)
    if path.endswith(".py") and path not in SELF:
        yield from _double_backticks(path, text)


def _long_lines(path: str, text: str) -> Iterator[Fault]:
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        breakable = " " in line.strip().lstrip("-*0123456789. >")
        if not fenced and len(line) > COLUMNS and breakable and not line.lstrip().startswith(("|", "[", "<", "#")):
            yield Fault(path, number, f"{len(line)} columns, more than {COLUMNS}: wrap it")


def _words(path: str, text: str) -> Iterator[Fault]:
    code = path.endswith((".py", ".go"))
    for pattern, instead in WORDS.items():
        if pattern in ONLY_IN_CODE and not code:
            continue
        for found in re.finditer(pattern, text, re.IGNORECASE):
            line = text.count("\n", 0, found.start()) + 1
            yield Fault(path, line, f"'{found.group()}': write {instead}")


def _double_backticks(path: str, text: str) -> Iterator[Fault]:
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"(?<!`)``(?!`)[^`]+``(?!`)", line):
            yield Fault(path, number, "double backticks: docstrings use single ones")


def main() -> int:
    """Print each fault; return 1 if there is one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    )
    found = [
        fault
        for name in listed.stdout.splitlines()
        if Path(name).suffix in CHECKED and not name.startswith(SKIPPED) and Path(name).is_file()
        for fault in faults(name, Path(name).read_text(encoding="utf-8"))
    ]
    for fault in found:
        print(fault)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
