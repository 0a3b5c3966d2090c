# SPDX-License-Identifier: Apache-2.0
"""Which parts of a Ledger decide how soon its app is looked at. A Ledger that is missing says as little as an empty
one."""

from genapps.api.ledger import Exhausted, Ledger, PeriodAccount, ReportedBreaker, Violations
from genapps.api.slow_counts import Tripped
from genapps.core.observed import Unreadable

Stored = Ledger | Unreadable | None
"""As it is in the cache; None: there is none."""


def suspending_part(stored: Stored) -> Unreadable | tuple[Violations, Tripped | None]:
    """What may suspend the app, or end that; one that cannot be read is like no other."""
    if isinstance(stored, Unreadable):
        return stored
    if stored is None:
        return Violations(), None
    defects = stored.record.defects
    return stored.record.violations, defects.tripped if defects is not None else None


def urgent_part(stored: Stored) -> tuple[ReportedBreaker | None, tuple[Exhausted, ...]]:
    """What the app's status tells without a delay: its breaker, and which of its ceilings are met."""
    account = account_of(stored)
    breaker = stored.record.breaker if isinstance(stored, Ledger) else None
    return breaker, account.exhausted if account is not None else ()


def account_of(stored: Stored) -> PeriodAccount | None:
    """What was used in the period."""
    return stored.record.account if isinstance(stored, Ledger) else None
