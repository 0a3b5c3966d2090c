# SPDX-License-Identifier: Apache-2.0
"""What runtimes say of their apps' execution breakers, on its way into the Ledgers.

Nobody waits for these writes, and few are made: an app has at most one attempt in DAMPING_SECONDS, whatever its runtime
says meanwhile, and only its last word counts. Word that is no news costs a read. What is lost with this process the
runtime repeats, or it is not believed any more after a while (`core.reported_breaker`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import ValidationError

from genapps.api.ledger import LedgerRecord
from genapps.cluster import clocks
from genapps.cluster.errors import ApiError
from genapps.cluster.resources import Object
from genapps.core import reported_breaker
from genapps.gateway.callers.records import App
from genapps.gateway.ledgers.objects import Objects, dumped
from genapps.gateway.ledgers.rounds import last_round
from genapps.gateway.ledgers.swap import WRITE_SECONDS, LedgerSwap
from genapps.gateway.messages import BreakerState
from genapps.gateway.metrics import Metrics

DAMPING_SECONDS = 10.0
MOST_IN_A_ROUND = 20
"""Apps whose word is written in one round: however many of them flap, Ledgers are written no faster."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Word:
    """The last word of one app; `due` is when it may be written, in seconds of the monotonic clock."""

    app: App
    is_open: bool
    heard: datetime
    due: float
    pending: bool = True


class Breakers:
    """`heard` takes what a runtime says, `write` writes it in rounds."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        metrics: Metrics,
        clock: Callable[[], datetime] = clocks.utc_now,
        monotonic: Callable[[], float] = clocks.monotonic,
    ) -> None:
        self._swap = LedgerSwap(objects, namespace, metrics)
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._words: dict[str, _Word] = {}
        """By child name; what was written longest ago comes first."""

    def heard(self, app: App, state: BreakerState) -> None:
        """The app's current pod says this of its breaker."""
        before = self._words.get(app.child)
        due = before.due if before is not None else self._monotonic()
        word = _Word(app, state is BreakerState.OPEN, self._clock(), due)
        self._words[app.child] = word  # in the place of the one before

    def forget(self, child: str) -> None:
        """The operator purged the app's record."""
        self._words.pop(child, None)

    async def stop(self) -> None:
        """Write what waits, once and without a pause: whoever comes next does not know it."""
        for word in self._words.values():
            word.due = float("-inf")
        await last_round(self.write)

    async def write(self) -> None:
        """Write what is due. What could not be written is due again later; an outage ends the round."""
        now = self._monotonic()
        due = [word for word in self._words.values() if word.due <= now]
        for word in [word for word in due if not word.pending]:
            del self._words[word.app.child]  # it has been quiet for so long that nothing has to be damped
        for word in [word for word in due if word.pending][:MOST_IN_A_ROUND]:
            child = word.app.child
            if self._words.get(child) is not word:
                continue  # there is a later one, or the app was purged
            del self._words[child]
            self._words[child] = word
            word.due, word.pending = now + DAMPING_SECONDS, False
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._note(word)
            except (ApiError, TimeoutError) as error:
                word.pending = True
                self._metrics.ledger_writes.labels("failed").inc()
                _log.warning("breaker_not_written", child=child, error=repr(error))
                return
            except ValidationError as error:
                _log.error("ledger_unreadable", child=child, faults=error.error_count())

    async def _note(self, word: _Word) -> None:
        """Raises ApiError, or ValidationError when the Ledger cannot be read."""
        app, pod = word.app, word.app.record.pod

        def with_word(record: Object) -> Object | None:
            before = LedgerRecord.model_validate(record).breaker if record else None
            after = reported_breaker.noted(before, pod.uid if pod else "", word.heard, is_open=word.is_open)
            if after is None or after == before:
                return None
            return {"app": dumped(app.record.app)} | record | {"breaker": dumped(after)}

        if await self._swap.change(app.child, with_word):
            _log.info("breaker_noted", child=app.child, open=word.is_open)
