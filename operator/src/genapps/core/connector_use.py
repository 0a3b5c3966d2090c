# SPDX-License-Identifier: Apache-2.0
"""What several gateways say of one connector in one place: counts add up, and of breakers an open one is told.

One rule for the gateways, which write, and the operator, which shows.
"""

from datetime import datetime, timedelta

from genapps.api.ledger import ConnectorUse, Overrun

CONFIRMED_EVERY = timedelta(minutes=2)
"""How often a gateway repeats that its breaker is open."""
BELIEVED = timedelta(minutes=5)
"""Without another word of an open breaker its gateway is gone."""


def noted(
    stored: ConnectorUse | None,
    calls: int,
    errors: int,
    now: datetime,
    *,
    is_open: bool,
    closes: bool,
    overrun: Overrun | None = None,
) -> ConnectorUse:
    """What the Ledger should say after a gateway has seen so many more calls and errors. `is_open` is its own breaker,
    and `closes` that this one was open before: a breaker that was never open closes nobody else's. An
    `overrun` stays until the next one."""
    before = stored or ConnectorUse()
    still = open_now(before, now)
    since, confirmed = before.since, before.confirmed_at
    if is_open:
        since, confirmed = (since if still else now), now
    return ConnectorUse(
        calls=before.calls + calls,
        errors=before.errors + errors,
        checked_at=now if calls else before.checked_at,
        open=is_open or (still and not closes),
        since=since,
        confirmed_at=confirmed,
        overrun=overrun or before.overrun,
    )


def open_now(use: ConnectorUse, now: datetime) -> bool:
    """Whether an open breaker is to be told."""
    return use.open and use.confirmed_at is not None and now - use.confirmed_at < BELIEVED


def spec_version(uid: object, generation: object) -> str:
    """Of a Connector: another whenever somebody changes its spec, or puts another in its place."""
    return f"{uid}/{generation}"
