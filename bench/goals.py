# SPDX-License-Identifier: Apache-2.0
"""What each figure is to reach: the goals the project set itself, kept beside the figures they judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.figures import Figure, Kind


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on the median, or on the ratio to the peer that it names."""

    bound: Literal["<=", ">="]
    value: float
    peer: str = ""

    def __str__(self) -> str:
        return f"{self.bound} {self.value:g}{'x' if self.peer else ''}"

    def met(self, figure: Figure) -> bool | None:
        """Whether the figure reaches the goal; None on a busy machine or without the peer."""
        if figure.disturbed:
            return None
        value: float | None = figure.median
        if self.peer:
            peer = figure.peer(self.peer)
            value = figure.ratio(peer) if peer else None
        if value is None:
            return None
        return value <= self.value if self.bound == "<=" else value >= self.value


GOALS: Mapping[tuple[Kind, str], Sequence[Goal]] = {
    ("engine", "warm request, c=32"): (
        Goal(">=", 4, "workerd JS"),
        Goal(">=", 3, "FastAPI"),
        Goal(">=", 1.5, "Starlette"),
    ),
    ("engine", "warm request, c=1, p50"): (Goal("<=", 0.6, "workerd JS"),),
    ("engine", "warm request, c=32, p99"): (Goal("<=", 3),),
    ("engine", "never-seen app, first response"): (Goal("<=", 3.8),),
    ("engine", "private memory per loaded app"): (Goal("<=", 2.2),),
    ("engine", "static asset, c=32"): (Goal(">=", 2, "Starlette"),),
    ("engine", "runtime that naps"): (Goal("<=", 12),),
    ("engine", "first answer out of a nap, 500m"): (Goal("<=", 300),),
    ("engine", "durable get + put, c=32"): (Goal(">=", 4.5, "workerd JS"),),
    ("engine", "durable SQL write, c=32"): (Goal(">=", 3, "workerd JS"),),
    ("engine", "key and durable put, c=32, CPU"): (Goal("<=", 1.15, "without a key"),),
    ("engine", "tenant's token, c=32, CPU"): (Goal("<=", 1.2, "without tenants"),),
    ("engine", "10 ms wait, c=200"): (Goal(">=", 4, "workerd JS"),),
    ("engine", "10 ms wait, c=200, p50"): (Goal("<=", 15),),
    ("engine", "ASGI app, c=32"): (Goal(">=", 0.7, "own API"),),
    ("engine", "Workers app, c=32"): (Goal(">=", 0.7, "own API"),),
    ("engine", "WSGI app, c=32"): (Goal(">=", 0.5, "own API"),),
    ("engine", "JavaScript, c=32"): (Goal(">=", 2, "workerd JS"),),
    ("engine", "JavaScript, 16 KiB, c=32"): (Goal(">=", 1, "workerd JS"),),
    ("engine", "JavaScript, durable get + put, c=32"): (Goal(">=", 2, "workerd JS"),),
    ("engine", "JavaScript, 10 ms wait, c=200"): (Goal(">=", 4, "workerd JS"),),
    ("engine", "never-seen app in JavaScript, first response"): (Goal("<=", 1.6),),
    ("engine", "private memory per loaded app in JavaScript"): (Goal("<=", 0.6),),
    ("engine", "beside a computation, p99"): (Goal("<=", 50),),
    ("engine", "redacted line of a request"): (Goal("<=", 2),),
    ("engine", "the same, the app logs"): (Goal("<=", 60),),
    ("engine", "the same, two secrets in it"): (Goal("<=", 60),),
    ("engine", "gateway call, added at p50"): (Goal("<=", 1.5),),
    ("engine", "gateway call, half load, p99"): (Goal("<=", 5),),
    ("engine", "gateway call, c=32"): (Goal(">=", 1200),),
    ("engine", "gateway with 2,000 apps"): (Goal("<=", 120),),
    ("engine", "a call is paid"): (Goal("<=", 25),),
    ("engine", "Ledger writes, 1,000 calls of 10 apps"): (Goal("<=", 10),),
    ("engine", "step token minted"): (Goal("<=", 100),),
    ("engine", "step token verified"): (Goal("<=", 150),),
    ("kubernetes", "apply to Ready and answering"): (Goal("<=", 1.2),),
    ("kubernetes", "API writes, apply to Ready"): (Goal("<=", 12),),
    ("kubernetes", "API writes of a restart"): (Goal("<=", 0),),
    ("kubernetes", "violation to suspended"): (Goal("<=", 2),),
    ("kubernetes", "limit used up to refusal, p50"): (Goal("<=", 1),),
    ("kubernetes", "limit used up to refusal, p99"): (Goal("<=", 1),),
    ("kubernetes", "limit used up to pod gone, p50"): (Goal("<=", 1),),
    ("kubernetes", "limit used up to pod gone, p99"): (Goal("<=", 1),),
    ("kubernetes", "writes, 1,000 actions, 10 apps"): (Goal("<=", 10),),
    ("kubernetes", "60 apps held: last pod gone"): (Goal("<=", 5),),
    ("kubernetes", "500 held, no real kubelet"): (Goal("<=", 5),),
    ("kubernetes", "90 apps deleted: last pod gone"): (Goal("<=", 15),),
    ("kubernetes", "memory of an idle app's pod"): (Goal("<=", 30),),
    ("kubernetes", "memory of a napping app's pod"): (Goal("<=", 12),),
    ("kubernetes", "first answer out of a nap, 500m"): (Goal("<=", 300),),
    ("kubernetes", "reconciled without pods"): (Goal(">=", 19.2),),
    ("kubernetes", "500 apps to their last child"): (Goal("<=", 26),),
    # Set for 1,000 apps.
    ("kubernetes", "operator with 2,000 apps"): (Goal("<=", 200),),
    ("kubernetes", "operator CPU/app, 2,000 apps"): (Goal("<=", 15),),
    ("kubernetes", "1,000 deleted, no real kubelet"): (Goal("<=", 30),),
}


def goals_of(figure: Figure) -> Sequence[Goal]:
    """The goals that were set for this figure."""
    return GOALS.get((figure.kind, figure.name), ())
