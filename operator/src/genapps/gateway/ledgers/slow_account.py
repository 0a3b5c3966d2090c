# SPDX-License-Identifier: Apache-2.0
"""What one gateway knows of one app's defects and limits: the Ledger as it was last told, and what is not in it yet.
No input or output: `slow_ledger` reads and writes, this module counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from genapps.api.slow_counts import Defects, LatestDefect
from genapps.core import slow_counts as rules
from genapps.core.slow_counts import Seen
from genapps.core.violations import MOST_FREE_REPEATS
from genapps.gateway.callers.records import App

MOST_IDS = 256
"""Actions of an app that are remembered. One that is forgotten counts again: whoever makes up ids gains nothing."""

DAMPING_SECONDS = 10.0
"""Between two writes of an app's defects."""
LIMITS_SECONDS = 60.0
"""Where only limits were met: they suspend nobody."""

_TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class SlowAccount:
    """`last` is when something was seen, `written` when a write was last tried; both in monotonic seconds."""

    app: App
    last: float
    stored: Defects | None = None
    """Those of the Ledger."""
    defects: Seen | None = None
    """Those that are not in it."""
    limits: Seen | None = None
    sending: Seen | None = None
    """The defects of a write that is under way."""
    sending_limits: Seen | None = None
    written: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever writes."""
    ids: dict[int, int] = field(default_factory=dict)
    """How many defects each of the latest actions had, by the hash of its request id."""

    @property
    def pending(self) -> bool:
        """Whether something is to be written."""
        return self.defects is not None or self.limits is not None

    @property
    def due(self) -> float:
        """When it may be written, in monotonic seconds; never while nothing is to be."""
        if not self.pending:
            return float("inf")
        return self.written + (LIMITS_SECONDS if self.defects is None else DAMPING_SECONDS)

    def reached(self, app: App, now: datetime) -> bool:
        """Whether the app has reached the slow threshold of its policy."""
        record, known = app.record, self.stored
        unwritten = [seen for seen in (self.sending, self.defects) if seen is not None]
        most = sum(seen.count for seen in unwritten) + sum(span.count for span in (known.spans if known else ()))
        if most < record.violation_policy.slow_threshold and (known is None or known.tripped is None):
            return False  # in a microsecond: each call of the app asks
        for seen in unwritten:
            known = rules.with_defects(known, seen, record.violation_policy, record.count_from)
        return rules.reached(known, record.violation_policy, record.count_from, now)

    def begin_write(self, now: float) -> None:
        """What is pending is being sent."""
        self.written = now
        self.sending, self.sending_limits, self.defects, self.limits = self.defects, self.limits, None, None

    def write_done(self, stored: Defects | None) -> None:
        """It is in the Ledger, which says this now."""
        self.sending = self.sending_limits = None
        self.take(stored)

    def write_failed(self) -> None:
        """It is to be sent again, unless the answer alone was lost: then it counts twice, on the safe side."""
        if self.sending is not None:
            self.defects = self.sending.joined(self.defects)
        if self.sending_limits is not None:
            self.limits = self.sending_limits.joined(self.limits)
        self.sending = self.sending_limits = None

    def is_another(self, request_id: str) -> bool:
        """Whether a defect under this id counts: the first one does, and each beyond the calls that the action has."""
        key = hash(request_id)
        times = self.ids.pop(key, 0) + 1
        self.ids[key] = times
        if len(self.ids) > MOST_IDS:
            del self.ids[next(iter(self.ids))]
        return times == 1 or times > max(1, min(self.app.record.tier.tool_calls_per_action, MOST_FREE_REPEATS))

    def add_defect(self, code: str, subject: str, request_id: str, now: datetime) -> None:
        """One more."""
        at = self._moment(now)
        seen = Seen(at, at, 1, LatestDefect(at=at, code=code, subject=subject, request_id=request_id))
        self.defects = seen if self.defects is None else self.defects.joined(seen)

    def add_limit(self, now: datetime) -> None:
        """One more."""
        at = self._moment(now)
        seen = Seen(at, at, 1)
        self.limits = seen if self.limits is None else self.limits.joined(seen)

    def take(self, stored: Defects | None) -> None:
        """The Ledger says this. Its total only grows, so one that says less is older than what is known."""
        if stored is not None and (self.stored is None or stored.total >= self.stored.total):
            self.stored = stored

    def _moment(self, now: datetime) -> datetime:
        # What comes after an acknowledgement counts, however far the operator's clock is ahead of ours.
        count_from = self.app.record.count_from
        return now if count_from is None else max(now, count_from + _TICK)
