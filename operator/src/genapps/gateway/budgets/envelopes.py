# SPDX-License-Identifier: Apache-2.0
"""Which budgets there are: the operator's BudgetRecords, watched. An app whose budget is not among them has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from pydantic import ValidationError

from genapps.api.budgetrecord import BudgetRecord, PublishedBudget
from genapps.core.budgets.balance import published_limits
from genapps.core.budgets.cost import TokenPrices
from genapps.gateway.budgets.envelope import Envelope

_log = structlog.get_logger(__name__)


class Envelopes:
    """A sink of the watch on BudgetRecords."""

    def __init__(self) -> None:
        self._envelopes: dict[str, Envelope] = {}

    def find(self, budget: str) -> Envelope | None:
        """What holds of the budget; None: there is none that can be read."""
        return self._envelopes.get(budget)

    def listed(self, objects: Sequence[dict[str, Any]], _resource_version: str) -> None:
        """A complete list: what is not in it is gone."""
        self._envelopes.clear()
        for object_ in objects:
            self.changed(object_)

    def changed(self, object_: dict[str, Any]) -> None:
        """A record was written. One that cannot be read pays for nobody."""
        name = str(object_["metadata"]["name"])
        try:
            record = BudgetRecord.model_validate(object_).record
        except ValidationError as error:
            self._envelopes.pop(name, None)
            _log.error("budget_unreadable", budget=name, faults=error.error_count())
            return
        self._envelopes[name] = envelope_of(name, record)

    def deleted(self, object_: dict[str, Any]) -> None:
        """The budget is gone."""
        self._envelopes.pop(str(object_["metadata"]["name"]), None)


def envelope_of(name: str, record: PublishedBudget) -> Envelope:
    """What a record means for calls."""
    prices = record.prices
    most, used = record.limits.state_mib_seconds, record.state.mib_seconds
    return Envelope(
        budget=name,
        period=record.period,
        ends_at=record.ends_at,
        limits=published_limits(record),
        enforced=record.mode == "Enforce",
        cpu_micros_per_hour=prices.cpu_hour_micros or 0,
        prices=TokenPrices(
            prices.input_micros or 0, prices.output_micros or 0, prices.cached_input_micros, prices.cache_write_micros
        ),
        state_limited=most is not None,
        state_exhausted=None if most is None or used < most else (used, most),
    )
