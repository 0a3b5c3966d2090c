# SPDX-License-Identifier: Apache-2.0
"""How much CPU a runtime gets at once: enough that few requests wait for it, and no more than is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from genapps.core.budgets.amounts import Amounts, Limits
from genapps.core.budgets.cost import millis_for

_MOST_MILLIS = 10_000
"""Granted at once, if there is much left; a pod that ends loses what it did not use of it."""
_SHARE = 100
"""It is at most this part of what is left, unless more is wanted."""


def grants(left: Callable[[], int], wanted: int, action: int) -> Iterator[int]:
    """CPU milliseconds to try, the most first. `left` is asked again when more was too much, for then more is known;
    `wanted` is what those need who wait, and `action` what one of them does."""
    ample = max(wanted, min(_MOST_MILLIS, left() // _SHARE))
    yield ample
    if wanted < ample:
        yield wanted
    several = left() // action * action
    if action < several < wanted:
        yield several
    if action < wanted:
        yield action


def millis_left(limits: Limits, taken: Amounts, micros_per_hour: int) -> int:
    """CPU milliseconds that these limits leave in time and in money. Where they leave much, how much it is does not
    matter."""
    left = _MOST_MILLIS * _SHARE
    if limits.cpu_millis is not None:
        left = min(left, limits.cpu_millis - taken.cpu_millis)
    if limits.cost_micros is not None and micros_per_hour:
        left = min(left, millis_for(limits.cost_micros - taken.cost_micros, micros_per_hour))
    return max(0, left)
