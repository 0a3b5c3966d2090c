# SPDX-License-Identifier: Apache-2.0
"""What one gateway knows of one app's violations: the Ledger as it was last seen, and what is not in it yet. No
input or output: `ledger` reads and writes, this module counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from genapps.api.ledger import WINDOW_ENTRIES, Ledger, ViolationEntry, Violations
from genapps.api.names import API_VERSION
from genapps.api.slow_counts import Tripped
from genapps.cluster.resources import Object
from genapps.core import violations as rules
from genapps.gateway.callers.records import App
from genapps.gateway.decision import Violation
from genapps.gateway.ledgers.objects import dumped

_TICK = timedelta(microseconds=1)


@dataclass(slots=True, eq=False)
class Seen:
    """One violation. `counted` is None until it is in the Ledger, or left out because the app had reached its threshold
    without it. `failed`: an attempt to write it has failed."""

    entry: ViolationEntry
    counted: bool | None = None
    failed: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """`violations` are those of the Ledger and those that are `pending`. `lock` is held by whoever writes."""

    child: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    readable: bool = True
    """Whether the Ledger could be understood when it was last seen."""
    record: Object | None = None
    """`record` of the Ledger, with what a newer version keeps in it; None: there is no Ledger."""
    version: int = 0
    """The newest version of the Ledger that was seen, also of one that is gone."""
    violations: Violations = field(default_factory=Violations)
    pending: list[Seen] = field(default_factory=list)
    app: App | None = None
    """As of the last violation: whose rules the pending ones are counted by."""
    purged: bool = False
    """The record of the app is gone: the end of the Ledger is the end of all that is known."""

    def reached(self, app: App, now: datetime) -> bool:
        """Whether the app has reached the threshold of its policy."""
        return _reached(self.violations, app, now)

    def add(self, app: App, violation: Violation, request_id: str, now: datetime) -> Seen:
        """One violation more, not in the Ledger yet."""
        # Times differ within an account, so that an entry is recognised when it is read back; and what comes after an
        # acknowledgement counts, however far the operator's clock is ahead of ours.
        last = self.violations.window[-1].at if self.violations.window else None
        at = max([now, *(moment + _TICK for moment in (last, app.record.count_from) if moment is not None)])
        entry = ViolationEntry(
            at=at,
            rule=violation.rule,
            subject=violation.subject,
            request_id=request_id,
            envelope=app.record.envelope.digest,
        )
        seen = Seen(entry)
        self.app, self.purged = app, False
        self.pending = [*self.pending[-WINDOW_ENTRIES + 1 :], seen]
        self.violations = _add(self.violations, entry, app)
        return seen

    def take(self, object_: Object, now: datetime) -> None:
        """The Ledger as somebody wrote it, unless a newer one was seen. What is pending and not in it is counted anew
        on top of it, or left out when the app has reached its threshold by what others counted. Raises
        pydantic.ValidationError."""
        version = int(object_["metadata"]["resourceVersion"])
        if version <= self.version:
            return
        self.version, self.readable = version, False
        violations = Ledger.model_validate(object_).record.violations
        self.readable, self.record = True, object_["record"]
        for seen in self.pending:
            if seen.entry in violations.window:
                seen.counted = True
            elif self.app is not None and _reached(violations, self.app, now):
                seen.counted = False
            elif self.app is not None:
                violations = _add(violations, seen.entry, self.app)
        self.pending = [seen for seen in self.pending if seen.counted is None]
        tripped = _later(violations.tripped, self.violations.tripped)
        self.violations = violations.model_copy(update={"tripped": tripped})

    def remove(self, version: int) -> None:
        """The Ledger is gone as of this version. What is known stays known, and the next write makes a new one."""
        if version > self.version:
            self.version, self.record, self.readable = version, None, True

    def written(self, batch: list[Seen]) -> None:
        """These are in the Ledger."""
        for seen in batch:
            seen.counted = True
        self.pending = [seen for seen in self.pending if seen.counted is None]

    def manifest(self, namespace: str) -> dict[str, Any]:
        """The Ledger with all that is known; what this process does not count stays as it was read."""
        if self.app is None:
            raise RuntimeError("nothing was counted, so nothing is to be written")
        metadata = {"namespace": namespace, "name": self.child}
        if self.record is not None:
            metadata["resourceVersion"] = str(self.version)
        before = self.record or {}
        record = before | {
            "app": dumped(self.app.record.app),
            "violations": before.get("violations", {}) | dumped(self.violations),
        }
        return {"apiVersion": API_VERSION, "kind": "Ledger", "metadata": metadata, "record": record}


def _add(violations: Violations, entry: ViolationEntry, app: App) -> Violations:
    record = app.record
    return rules.add(violations, entry, record.violation_policy, record.tier.tool_calls_per_action, record.count_from)


def _reached(violations: Violations, app: App, now: datetime) -> bool:
    record = app.record
    return rules.reached(violations, record.violation_policy, record.tier.tool_calls_per_action, record.count_from, now)


def _later(one: Tripped | None, other: Tripped | None) -> Tripped | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda tripped: tripped.at)
