# SPDX-License-Identifier: Apache-2.0
"""The output of a run: the terminal, and a JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure
from bench.table import table


def write(path: Path, figures: Sequence[Figure]) -> None:
    """A list of `{name, unit, kind, median, p95, n, peer?, ratio?}`; the file is replaced as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([figure.as_json() for figure in figures], indent=1) + "\n", encoding="utf-8")
    partial.rename(path)


def text(figures: Sequence[Figure], notes: Sequence[str], *, quick: bool) -> str:
    """The table and the notes below it."""
    lines = [table(figures)]
    if quick:
        lines.append("--quick: these figures only show that everything works")
    lines += [f"note: {note}" for note in notes]
    return "\n".join(lines)
