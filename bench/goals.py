# SPDX-License-Identifier: Apache-2.0
"""What each figure is to reach: the goals the project set itself, kept beside the figures they judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on the median, or on the ratio to the peer."""

    bound: Literal["<=", ">="]
    value: float
    on: Literal["median", "ratio"] = "median"

    def __str__(self) -> str:
        return f"{self.bound} {self.value:g}{'x' if self.on == 'ratio' else ''}"

    def met(self, figure: Figure) -> bool | None:
        """Whether the figure reaches the goal; None when it cannot be judged, such as a ratio without a peer."""
        value = figure.median if self.on == "median" else figure.ratio
        if value is None:
            return None
        return value <= self.value if self.bound == "<=" else value >= self.value


GOALS: Mapping[str, Goal] = {
    "never-seen app, first response": Goal("<=", 3.3),
    "warm request, c=32": Goal(">=", 4, "ratio"),
    "durable get + put, c=32": Goal(">=", 10, "ratio"),
    "apply to Ready and answering": Goal("<=", 1.2),
    "API writes, apply to Ready": Goal("<=", 12),
    "API writes of a restart": Goal("<=", 0),
    "violation to suspended": Goal("<=", 2),
    "90 apps deleted: last pod gone": Goal("<=", 15),
    "memory of an idle app's pod": Goal("<=", 64),
    "reconciled without pods": Goal(">=", 19.2),
    "500 apps to their last child": Goal("<=", 26),
    # Set for 1,000 apps.
    "operator with 2,000 apps": Goal("<=", 200),
}
