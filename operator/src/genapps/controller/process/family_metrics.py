# SPDX-License-Identifier: Apache-2.0
"""Scorecards of families as metrics. People write the names of families, so only some have series of their own: others
are told together, and a family that is gone takes its series with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Gauge

from genapps.core.budgets.scorecards import Figures, Member, family_figures

MOST_TOLD = 20
"""Families of one budget that have series of their own: those that cost most."""
REST = "(other)"
"""All others together. No family can have that name: theirs are values of labels."""
_MICROS = 1_000_000

_TOLD: Mapping[str, tuple[str, Callable[[Figures], float | None]]] = MappingProxyType(
    {
        "apps": ("Apps of a family", lambda one: one.apps),
        "actions": ("Actions in the period", lambda one: one.actions),
        "cost_per_action_dollars": ("US dollars for an action", lambda one: _dollars(one.cost_per_action)),
        "cache_hit_ratio": ("Tool calls that the cache answered", lambda one: one.cache_hit_ratio),
        "shared_connectors": ("Connectors that more than one app uses", lambda one: one.shared_connectors),
        "shared_code_apps": ("Apps that run code which another one runs as well", lambda one: one.shared_code),
        "fallback_ratio": ("Actions that a fallback answered", lambda one: one.fallback_ratio),
        "retry_ratio": ("Actions that repeated an earlier one", lambda one: one.retry_ratio),
        "saved_dollars": ("US dollars that the cache saved in the period", lambda one: _dollars(one.saved_micros)),
        "refused_dollars": (
            "US dollars that limits refused in the period",
            lambda one: _dollars(one.refused_micros),
        ),
    }
)
"""The end of each metric's name, its text, and where its value comes from."""


class FamilyMetrics:
    """One gauge for each figure, by budget and family."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges = {
            name: Gauge(f"genapps_family_{name}", text, ("budget", "family"), registry=registry)
            for name, (text, _) in _TOLD.items()
        }
        self._told: dict[str, set[tuple[str, str]]] = {}
        """By budget: which figure of which family has a series."""

    def tell(self, budget: str, members: Iterable[Member]) -> None:
        """The figures of a budget's families as they are now. What there is none of has no series."""
        told: set[tuple[str, str]] = set()
        for figures in family_figures(members, MOST_TOLD, REST):
            for name, (_, value_of) in _TOLD.items():
                value = value_of(figures)
                if value is not None:
                    self._gauges[name].labels(budget, figures.family).set(value)
                    told.add((name, figures.family))
        for name, family in self._told.pop(budget, set()) - told:
            self._gauges[name].remove(budget, family)
        if told:
            self._told[budget] = told

    def forget(self, budget: str) -> None:
        """The AppBudget is gone."""
        self.tell(budget, ())


def _dollars(micros: int | None) -> float | None:
    return None if micros is None else micros / _MICROS
