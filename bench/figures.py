# SPDX-License-Identifier: Apache-2.0
"""A measured figure, as it goes into the table and into `build/bench.json`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from bench.load.job import quantile

Kind = Literal["engine", "kubernetes"]


class NotMeasuredError(Exception):
    """This machine lacks what a measurement needs; the message says what."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The same thing, measured in the same run on something else."""

    name: str
    median: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `n` is the number of samples. Figures of the engine and of Kubernetes are never compared."""

    name: str
    unit: str
    kind: Kind
    median: float
    p95: float
    n: int
    peer: Peer | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's, whichever of the two is better."""
        return self.median / self.peer.median if self.peer and self.peer.median else None

    def as_json(self) -> dict[str, Any]:
        """With `peer` and `ratio` only where there is a peer."""
        answer: dict[str, Any] = {
            "name": self.name,
            "unit": self.unit,
            "kind": self.kind,
            "median": _rounded(self.median),
            "p95": _rounded(self.p95),
            "n": self.n,
        }
        if self.peer is not None:
            answer["peer"] = {"name": self.peer.name, "median": _rounded(self.peer.median)}
        if self.ratio is not None:
            answer["ratio"] = _rounded(self.ratio)
        return answer


def figure(name: str, unit: str, kind: Kind, samples: Sequence[float], peer: Peer | None = None) -> Figure:
    """From samples. Raises ValueError when there are none: an empty measurement is no figure."""
    if not samples:
        raise ValueError(f"{name}: no samples")
    return Figure(name, unit, kind, median(samples), quantile(sorted(samples), 0.95), len(samples), peer)


def peer(name: str, samples: Sequence[float]) -> Peer | None:
    """The peer's median, or None when it was not measured."""
    return Peer(name, median(samples)) if samples else None


def _rounded(value: float) -> float:
    """Four significant digits, because the measurement is not more precise."""
    if not value:
        return 0.0
    return round(value, 3 - math.floor(math.log10(abs(value))))
