# SPDX-License-Identifier: Apache-2.0
"""What this gateway saw of each connector, on its way into the connector's Ledger: the operator shows it in status.

Nobody waits for these writes, and few are made: in DAMPING_SECONDS at most one for each connector, and one more when
its breaker opens or closes, or when it used more than it was allowed. All gateways add to the same numbers by compare
and swap. They are told, and but for that last one nothing is decided on them: a gateway that is killed loses what it
saw since its last write, and a write whose answer was lost is counted twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import ValidationError

from genapps.api.ledger import LedgerRecord
from genapps.api.names import connector_ledger
from genapps.cluster import clocks
from genapps.cluster.errors import ApiError
from genapps.cluster.resources import Object
from genapps.core.connector_use import CONFIRMED_EVERY, noted
from genapps.gateway.budgets.blocked import BlockedConnectors
from genapps.gateway.calls import Tally
from genapps.gateway.ledgers.objects import Objects, dumped
from genapps.gateway.ledgers.rounds import ROUND_SECONDS, last_round
from genapps.gateway.ledgers.swap import WRITE_SECONDS, LedgerSwap
from genapps.gateway.metrics import Metrics

DAMPING_SECONDS = 30.0
MOST_IN_A_ROUND = 20
"""Connectors that are written in one round: however many are called, Ledgers are written no faster."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Told:
    """What of one connector is in its Ledger by this gateway; `last` is the time of the last attempt, monotonic."""

    calls: int = 0
    errors: int = 0
    is_open: bool = False
    last: float = float("-inf")


class ConnectorLedgers:
    """`tallies` are what this process has counted; `is_open` is the breaker of a connector, and `known` whether there
    is a connector of that name: nothing is kept of one that is gone."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        metrics: Metrics,
        tallies: MutableMapping[str, Tally],
        is_open: Callable[[str], bool],
        known: Callable[[str], bool],
        blocked: BlockedConnectors,
        clock: Callable[[], datetime] = clocks.utc_now,
        monotonic: Callable[[], float] = clocks.monotonic,
    ) -> None:
        self._swap = LedgerSwap(objects, namespace, metrics)
        self._metrics = metrics
        self._tallies = tallies
        self._is_open = is_open
        self._known = known
        self._blocked = blocked
        self._clock = clock
        self._monotonic = monotonic
        self._told: dict[str, _Told] = {}

    async def stop(self) -> None:
        """Write what waits, once and without a pause: whoever comes next does not know it."""
        for told in self._told.values():
            told.last = float("-inf")
        await last_round(self.write)

    async def write(self) -> None:
        """Write what is due, what waits longest first. An outage ends the round."""
        for name in [name for name in self._tallies if not self._known(name)]:
            del self._tallies[name]
            self._told.pop(name, None)
        now = self._monotonic()
        due = sorted((name for name in self._tallies if self._due(name, now)), key=lambda name: self._told[name].last)
        for name in due[:MOST_IN_A_ROUND]:
            self._told[name].last = now
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._note(name)
            except (ApiError, TimeoutError) as error:
                self._metrics.ledger_writes.labels("failed").inc()
                _log.warning("connector_not_written", connector=name, error=repr(error))
                return
            except ValidationError as error:
                _log.error("ledger_unreadable", child=connector_ledger(name), faults=error.error_count())

    def _due(self, name: str, now: float) -> bool:
        told, tally = self._told.setdefault(name, _Told()), self._tallies[name]
        is_open = self._is_open(name)
        if is_open != told.is_open or self._blocked.unwritten(name) is not None:
            return now - told.last >= ROUND_SECONDS
        wait = CONFIRMED_EVERY.total_seconds() if is_open and tally.calls == told.calls else DAMPING_SECONDS
        return (is_open or tally.calls != told.calls) and now - told.last >= wait

    async def _note(self, name: str) -> None:
        """Raises ApiError, or ValidationError when the Ledger cannot be read."""
        told, tally, is_open = self._told[name], self._tallies[name], self._is_open(name)
        calls, errors, overrun = tally.calls, tally.errors, self._blocked.unwritten(name)

        def with_use(record: Object) -> Object:
            use = noted(
                LedgerRecord.model_validate(record).connector if record else None,
                calls - told.calls,
                errors - told.errors,
                self._clock(),
                is_open=is_open,
                closes=told.is_open and not is_open,
                overrun=overrun,
            )
            return record | {"connector": dumped(use)}

        await self._swap.change(connector_ledger(name), with_use)
        told.calls, told.errors, told.is_open = calls, errors, is_open
        if overrun is not None:
            self._blocked.wrote(name, overrun)
