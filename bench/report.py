# SPDX-License-Identifier: Apache-2.0
"""The output of a run: the terminal, and a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.figures import Figure
from bench.table import table


def write(path: Path, figures: Sequence[Figure], ran_on: Mapping[str, str]) -> None:
    """`{"ranOn": {side: text}, "figures": [{name, unit, kind, median, p95, n, peers?, ...}]}`; replaced as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    content = {"ranOn": dict(ran_on), "figures": [figure.as_json() for figure in figures]}
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.rename(path)


def text(figures: Sequence[Figure], notes: Sequence[str], ran_on: Mapping[str, str], *, quick: bool) -> str:
    """The table, what each side ran on, and the notes."""
    lines = [table(figures)]
    if quick:
        lines.append("--quick: these figures only show that everything works")
    lines += [f"{side}: {what}" for side, what in ran_on.items()]
    lines += [f"note: {note}" for note in notes]
    return "\n".join(lines)
