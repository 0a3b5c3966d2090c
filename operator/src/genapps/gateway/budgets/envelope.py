# SPDX-License-Identifier: Apache-2.0
"""What the operator publishes of a budget, as the gateway needs it on every call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from genapps.core.budgets.amounts import Limits
from genapps.core.budgets.cost import FREE, TokenPrices


@dataclass(frozen=True, slots=True)
class Envelope:
    """One AppBudget in its current period."""

    budget: str
    period: str
    ends_at: datetime
    limits: Limits
    enforced: bool
    """False: limits are counted and refuse nothing."""
    cpu_micros_per_hour: int = 0
    """The price of an hour of one core, in millionths of a US dollar."""
    prices: TokenPrices = FREE
    """The prices of tokens."""
    state_limited: bool = False
    """Whether the sizes of claims are limited."""
    state_exhausted: tuple[int, int] | None = None
    """MiB seconds of claims that were used and their limit, once it is reached."""
