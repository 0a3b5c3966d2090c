# SPDX-License-Identifier: Apache-2.0
"""The table that a run prints: plain text, at most 100 columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bench.figures import Figure, Kind
from bench.goals import GOALS

WIDTH = 100
_COLUMNS = (("", 31), ("unit", 7), ("median", 8), ("p95", 8), ("n", 4), ("peer", 18), ("ratio", 6), ("goal", 11))
_LEFT = {"", "unit", "peer", "goal"}
_TITLES: dict[Kind, str] = {
    "engine": "ENGINE (one process outside Kubernetes; says nothing about a pod)",
    "kubernetes": "ON KUBERNETES (one pod an app, on one node)",
}


def table(figures: Sequence[Figure]) -> str:
    """Engine and Kubernetes apart, in the order measured. The ratio is ours divided by the peer's."""
    lines: list[str] = []
    for kind, title in _TITLES.items():
        rows = [figure for figure in figures if figure.kind == kind]
        if rows:
            lines += [title, _line(name for name, _ in _COLUMNS), "-" * WIDTH, *map(_row, rows), ""]
    if any(figure.peer for figure in figures):
        lines.append("ratio = ours / peer's, both measured in this run; + goal met, ! goal missed")
    return "\n".join(lines)


def _row(figure: Figure) -> str:
    peer = f"{figure.peer.name} {number(figure.peer.median)}" if figure.peer else ""
    ratio = f"{number(figure.ratio)}x" if figure.ratio is not None else ""
    goal = GOALS.get(figure.name)
    verdict = {None: "", True: " +", False: " !"}[goal.met(figure) if goal else None]
    return _line(
        (
            figure.name,
            figure.unit,
            number(figure.median),
            number(figure.p95) if figure.n > 1 else "",
            str(figure.n),
            peer,
            ratio,
            f"{goal}{verdict}" if goal else "",
        )
    )


def _line(cells: Iterable[str]) -> str:
    parts = []
    for (name, width), cell in zip(_COLUMNS, cells, strict=True):
        parts.append(cell[:width].ljust(width) if name in _LEFT else cell[:width].rjust(width))
    return " ".join(parts).rstrip()


def number(value: float) -> str:
    """Three significant digits, thousands separated: 0.0123, 1.05, 12.3, 123, 12,300."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}" if abs(rounded) < 1000 else f"{rounded:,.0f}"
