# SPDX-License-Identifier: Apache-2.0
"""The execution breaker of an app as its runtime reports it: what of that is noted, and for how long it is believed.

One rule for the gateway, which writes, and the operator, which shows. A runtime may lie: it can make its own app look
degraded, or hide that it is, and nothing else.
"""

from datetime import datetime, timedelta

from genapps.api.ledger import LedgerRecord, ReportedBreaker

NOTED_EVERY = timedelta(minutes=2)
"""A runtime confirms every minute; that is news for the Ledger only after this."""
OVERTAKEN = timedelta(seconds=30)
"""A word is written so late at the most, after it was heard."""
BELIEVED = timedelta(minutes=5)
"""Without a newer confirmation in the Ledger: the runtime has ended, or nobody hears it."""


def noted(stored: ReportedBreaker | None, pod: str, now: datetime, *, is_open: bool) -> ReportedBreaker | None:
    """What the Ledger should say after this word from the app's pod of that uid; `stored` itself if that is no news."""
    if stored is not None and timedelta() < stored.confirmed_at - now < OVERTAKEN:
        return stored  # another gateway has heard a later word meanwhile
    if stored is None or not stored.open:
        return ReportedBreaker(pod=pod, open=True, since=now, confirmed_at=now) if is_open else stored
    if not is_open or stored.pod != pod:
        return ReportedBreaker(pod=pod, open=is_open, since=now, confirmed_at=now)
    if abs(now - stored.confirmed_at) < NOTED_EVERY:
        return stored
    return stored.model_copy(update={"confirmed_at": now})


def believed(ledger: LedgerRecord | None, pod: str | None, now: datetime) -> ReportedBreaker | None:
    """The open breaker of the app whose pod has that uid; None: it has none, or that is old news."""
    breaker = ledger.breaker if ledger is not None else None
    if breaker is None or not breaker.open or breaker.pod != pod or abs(now - breaker.confirmed_at) >= BELIEVED:
        return None
    return breaker
