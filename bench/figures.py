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
    """The same thing, measured in the same run on something else. `unlike` says why no ratio to it may be given."""

    name: str
    median: float
    limited: bool = False
    unlike: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `n` is the number of samples. Figures of the engine and of Kubernetes are never compared.

    `limited` says that the load generator was nearly full, so that more may be possible; `disturbed` that other work
    used the machine, so that neither ratios nor goals can be judged."""

    name: str
    unit: str
    kind: Kind
    median: float
    p95: float
    n: int
    peers: tuple[Peer, ...] = ()
    limited: bool = False
    disturbed: bool = False

    def ratio(self, peer: Peer) -> float | None:
        """Ours divided by the peer's, whichever of the two is better; None where no ratio may be given."""
        if self.disturbed or peer.unlike or not peer.median:
            return None
        return self.median / peer.median

    def peer(self, name: str) -> Peer | None:
        """The peer of that name, if it was measured."""
        return next((peer for peer in self.peers if peer.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """With `peers`, `generatorLimited` and `disturbed` only where they say something."""
        answer: dict[str, Any] = {
            "name": self.name,
            "unit": self.unit,
            "kind": self.kind,
            "median": _rounded(self.median),
            "p95": _rounded(self.p95),
            "n": self.n,
        }
        if self.peers:
            answer["peers"] = [self._peer_as_json(peer) for peer in self.peers]
        if self.limited:
            answer["generatorLimited"] = True
        if self.disturbed:
            answer["disturbed"] = True
        return answer

    def _peer_as_json(self, peer: Peer) -> dict[str, Any]:
        answer: dict[str, Any] = {"name": peer.name, "median": _rounded(peer.median)}
        ratio = self.ratio(peer)
        if ratio is not None:
            answer["ratio"] = _rounded(ratio)
        if peer.unlike:
            answer["unlike"] = peer.unlike
        if peer.limited:
            answer["generatorLimited"] = True
        return answer


def figure(
    name: str,
    unit: str,
    kind: Kind,
    samples: Sequence[float],
    *peers: Peer | None,
    limited: bool = False,
    disturbed: bool = False,
) -> Figure:
    """From samples. Raises ValueError when there are none: an empty measurement is no figure."""
    if not samples:
        raise ValueError(f"{name}: no samples")
    measured = tuple(peer for peer in peers if peer is not None)
    p95 = quantile(sorted(samples), 0.95)
    return Figure(name, unit, kind, median(samples), p95, len(samples), measured, limited, disturbed)


def peer(name: str, samples: Sequence[float], *, limited: bool = False, unlike: str = "") -> Peer | None:
    """The peer's median, or None when it was not measured."""
    return Peer(name, median(samples), limited, unlike) if samples else None


def _rounded(value: float) -> float:
    """Four significant digits, because the measurement is not more precise."""
    if not value:
        return 0.0
    return round(value, 3 - math.floor(math.log10(abs(value))))
