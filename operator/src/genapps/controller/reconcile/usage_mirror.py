# SPDX-License-Identifier: Apache-2.0
"""How often usage is mirrored into a status: at most once a minute for each object, and the last word is never lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from genapps.controller.cache.keys import Key

EVERY_SECONDS = 60.0
_FIGURES = frozenset(
    {"usage", "spent", "leased", "remaining", "forecast", "spentPercent", "shadowRefusals", "scorecards"}
)


@dataclass(slots=True)
class UsageMirror:
    """`clock` is monotonic, in seconds."""

    clock: Callable[[], float]
    _written: dict[Key, float] = field(default_factory=dict)
    """When a status was last written that told other figures."""

    def wait(self, key: Key, stored: Mapping[str, Any], new: Mapping[str, Any]) -> float:
        """Seconds until the new status may be written; 0: now, as always when more than figures differs."""
        if _without_figures(stored) != _without_figures(new):
            return 0.0
        return max(0.0, self._written.get(key, float("-inf")) + EVERY_SECONDS - self.clock())

    def written(self, key: Key) -> None:
        """The status was written."""
        self._written[key] = self.clock()

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._written.pop(key, None)


def _without_figures(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in status.items() if name not in _FIGURES}
