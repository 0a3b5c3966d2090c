# SPDX-License-Identifier: Apache-2.0
"""The table that a run prints: plain text, at most 100 columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from bench.figures import Figure, Kind, Peer
from bench.goals import Goal, goals_of

WIDTH = 100
_COLUMNS = (("", 31), ("unit", 7), ("median", 7), ("p95", 7), ("n", 3), ("peer", 17), ("ratio", 6), ("goal", 14))
_LEFT = {"", "unit", "peer", "goal"}
_TITLES: dict[Kind, str] = {
    "engine": "ENGINE (one process outside Kubernetes; says nothing about a pod)",
    "kubernetes": "ON KUBERNETES (one pod an app, on one node)",
}
_BUSY = "machine busy: no ratio"
_VERDICTS = {None: "", True: " met", False: " missed"}


def table(figures: Sequence[Figure]) -> str:
    """Engine and Kubernetes apart, in the order measured; one line for each peer of a figure, and for each goal."""
    lines: list[str] = []
    for kind, title in _TITLES.items():
        rows = [line for figure in figures if figure.kind == kind for line in _rows(figure)]
        if rows:
            lines += [title, _line(name for name, _ in _COLUMNS), "-" * WIDTH, *rows, ""]
    if any(figure.peers for figure in figures):
        lines.append("ratio = ours / peer's, both measured in this run")
    if any(figure.limited or any(peer.limited for peer in figure.peers) for figure in figures):
        lines.append("* the load generator used more than 90 % of its core: more may be possible")
    return "\n".join(lines)


def _rows(figure: Figure) -> Iterator[str]:
    first = [
        figure.name,
        figure.unit,
        f"{number(figure.median)}{'*' if figure.limited else ''}",
        number(figure.p95) if figure.n > 1 else "",
        str(figure.n),
    ]
    for position, (peer, goal) in enumerate(_paired(figure.peers, goals_of(figure))):
        beside = f"{peer.name} {number(peer.median)}{'*' if peer.limited else ''}" if peer else ""
        left = [*(first if position == 0 else [""] * len(first)), beside]
        # In place of the ratio and the goal, which are nothing then.
        yield _line([*left, _BUSY] if figure.disturbed else [*left, *_judged(figure, peer, goal)])


def _paired(peers: Sequence[Peer], goals: Sequence[Goal]) -> list[tuple[Peer | None, Goal | None]]:
    """Each peer with the goal for the ratio to it; the other goals fill up from the first line."""
    by_peer = {goal.peer: goal for goal in goals if goal.peer}
    pairs: list[tuple[Peer | None, Goal | None]] = [(peer, by_peer.pop(peer.name, None)) for peer in peers]
    rest = [*(goal for goal in goals if not goal.peer), *by_peer.values()]
    free = [position for position, (_, goal) in enumerate(pairs) if goal is None]
    for position, goal in zip(free, rest, strict=False):
        pairs[position] = (pairs[position][0], goal)
    pairs += [(None, goal) for goal in rest[len(free) :]]
    return pairs or [(None, None)]


def _judged(figure: Figure, peer: Peer | None, goal: Goal | None) -> tuple[str, str]:
    ratio = figure.ratio(peer) if peer else None
    shown = f"{number(ratio)}x" if ratio is not None else ""
    return shown, f"{goal}{_VERDICTS[goal.met(figure)]}" if goal else ""


def _line(cells: Iterable[str]) -> str:
    parts = []
    for (name, width), cell in zip(_COLUMNS, cells, strict=False):
        if cell == _BUSY:
            parts.append(cell)
            break
        parts.append(cell[:width].ljust(width) if name in _LEFT else cell[:width].rjust(width))
    return " ".join(parts).rstrip()


def number(value: float) -> str:
    """Three significant digits, thousands separated: 0.0123, 1.05, 12.3, 123, 12,300."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}" if abs(rounded) < 1000 else f"{rounded:,.0f}"
