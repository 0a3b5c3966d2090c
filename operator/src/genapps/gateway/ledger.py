# SPDX-License-Identifier: Apache-2.0
"""Counts violations, one account per app: in memory for deciding, in the app's Ledger so that nothing is forgotten.

An app's first violation and the one that reaches its threshold are durable before anybody hears of them, all others
within seconds. Writes compare and swap; a count that cannot be written stays in memory and is tried again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError

from genapps.api.ledger import WINDOW_ENTRIES, Ledger, LedgerRecord, Tripped, ViolationEntry, Violations
from genapps.api.names import API_VERSION
from genapps.cluster import clocks
from genapps.cluster.errors import ApiError, ConflictError, NotFoundError
from genapps.cluster.resources import LEDGER, Object
from genapps.core import violations as rules
from genapps.gateway.decision import Violation
from genapps.gateway.metrics import Metrics
from genapps.gateway.objects import Objects
from genapps.gateway.records import App

WRITE_SECONDS = 2.0
"""How long an answer waits for its violation to become durable."""
FLUSH_SECONDS = 1.0
_STOP_SECONDS = 5.0
_ATTEMPTS = 5
_TICK = timedelta(microseconds=1)

_log = structlog.get_logger(__name__)


class LedgerUnavailableError(Exception):
    """The API server does not answer: the count is kept in memory, but nothing may be decided on it yet."""


@dataclass(slots=True)
class _Account:
    """What is known of one app: `live` is the Ledger as last read or written, plus `pending`."""

    child: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    loaded: bool = False
    stored: LedgerRecord | None = None
    """None: there is no Ledger object."""
    version: str = ""
    live: Violations = field(default_factory=Violations)
    pending: deque[ViolationEntry] = field(default_factory=lambda: deque(maxlen=WINDOW_ENTRIES))
    app: App | None = None
    """As of the last violation: whose rules the pending ones are counted by."""


class Ledgers:
    """The accounts of all apps. One process at a time writes; a second one during a roll-out loses nothing."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        metrics: Metrics,
        clock: Callable[[], datetime] = clocks.utc_now,
    ) -> None:
        self._objects = objects
        self._namespace = namespace
        self._metrics = metrics
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    async def load(self) -> None:
        """Read every Ledger, at the start: counts survive a restart. Raises ApiError.

        One that is unreadable denies its own app only: it is read again at each call, and fails."""
        listing = await self._objects.list(LEDGER, self._namespace, at_least=None)
        for object_ in listing.items:
            with suppress(LedgerUnavailableError):
                self._take(self._account(str(object_["metadata"]["name"])), object_)

    async def at_threshold(self, app: App) -> bool:
        """Whether the app has reached the threshold of its policy, by our own count. Raises LedgerUnavailable."""
        account = self._account(app.child)
        if not account.loaded:
            async with account.lock:
                await self._ensure_loaded(account)
        return _reached(account.live, app, self._clock())

    async def count(self, app: App, violation: Violation, request_id: str) -> bool:
        """Count one more; True when it was counted, False when the app had reached its threshold before.

        Raises LedgerUnavailable when it had to become durable and could not; it is counted in memory all the same."""
        account = self._account(app.child)
        async with account.lock:
            unavailable = None
            try:
                await self._ensure_loaded(account)
            except LedgerUnavailableError as error:
                unavailable = error
            now = self._clock()
            if _reached(account.live, app, now):
                return False
            first = _counted(account.live, app, now) == 0
            self._add(account, app, violation, request_id, now)
            trips = _reached(account.live, app, now)
            self._metrics.tripped.inc(trips)
            if unavailable is not None:
                raise unavailable
            if first or trips:
                await self._write(account)
            return True

    def forget(self, child: str) -> None:
        """The operator purged the app's record."""
        self._accounts.pop(child, None)

    async def keep_flushed(self) -> None:
        """Until cancelled: makes durable what was answered before it was."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> bool:
        """Write all that is pending; True when nothing is left. The first failure ends the round."""
        dirty = [account for account in self._accounts.values() if account.pending]
        try:
            for account in dirty:
                async with account.lock:
                    await self._ensure_loaded(account)
                    if account.pending and account.child in self._accounts:
                        await self._write(account)
        except LedgerUnavailableError:
            return False
        finally:
            self._metrics.ledger_pending.set(sum(len(account.pending) for account in self._accounts.values()))
        return True

    async def stop(self) -> None:
        """The last flush; gives up after a few seconds, loudly."""
        deadline = asyncio.get_running_loop().time() + _STOP_SECONDS
        while not await self.flush():
            if asyncio.get_running_loop().time() > deadline:
                lost = sum(len(account.pending) for account in self._accounts.values())
                _log.error("violations_not_durable", count=lost)
                return
            await asyncio.sleep(0.2)

    def _account(self, child: str) -> _Account:
        account = self._accounts.get(child)
        if account is None:
            account = self._accounts[child] = _Account(child)
        return account

    def _add(self, account: _Account, app: App, violation: Violation, request_id: str, now: datetime) -> None:
        # Times differ within an account, so that an entry is recognised when it is read back; and what comes after an
        # acknowledgement counts, however far the operator's clock is ahead of ours.
        last = account.live.window[-1].at if account.live.window else None
        at = max([now, *(moment + _TICK for moment in (last, app.record.count_from) if moment is not None)])
        entry = ViolationEntry(
            at=at,
            rule=violation.rule,
            subject=violation.subject,
            request_id=request_id,
            envelope=app.record.envelope.digest,
        )
        account.app = app
        account.pending.append(entry)
        account.live = _add(account.live, entry, app)
        self._metrics.violations.labels(violation.rule).inc()

    async def _ensure_loaded(self, account: _Account) -> None:
        if account.loaded:
            return
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._read(account)
        except (ApiError, TimeoutError) as error:
            _log.warning("ledger_not_read", child=account.child, error=str(error))
            raise LedgerUnavailableError from error

    async def _read(self, account: _Account) -> None:
        try:
            self._take(account, await self._objects.get(LEDGER, self._namespace, account.child))
        except NotFoundError:
            # Removed under us (or never there): what we know stays known, and the next write makes a new one.
            account.loaded, account.stored, account.version = True, None, ""

    def _take(self, account: _Account, object_: Object) -> None:
        """The Ledger as read, and on top of it what is pending and not in it."""
        try:
            account.stored = Ledger.model_validate(object_).record
        except ValidationError as error:
            _log.error("ledger_unreadable", child=account.child, faults=error.error_count())
            raise LedgerUnavailableError from error
        account.version = str(object_["metadata"]["resourceVersion"])
        account.loaded = True
        violations, tripped = account.stored.violations, account.live.tripped
        missing = [entry for entry in account.pending if entry not in violations.window]
        account.pending = deque(missing, maxlen=WINDOW_ENTRIES)
        for entry in missing:
            if account.app is not None:
                violations = _add(violations, entry, account.app)
        account.live = violations.model_copy(update={"tripped": _later(violations.tripped, tripped)})

    async def _write(self, account: _Account) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._swap(account)
        except (ApiError, TimeoutError) as error:
            self._metrics.ledger_writes.labels("failed").inc()
            _log.warning("ledger_not_written", child=account.child, error=repr(error))
            raise LedgerUnavailableError from error
        self._metrics.ledger_writes.labels("written").inc()

    async def _swap(self, account: _Account) -> None:
        for _ in range(_ATTEMPTS):
            record = _record(account)
            manifest = _manifest(self._namespace, account, record)
            try:
                written = await (self._objects.apply(manifest) if account.stored else self._objects.create(manifest))
            except (ConflictError, NotFoundError):
                self._metrics.ledger_writes.labels("conflict").inc()
                await self._read(account)
                continue
            account.stored, account.version = record, str(written["metadata"]["resourceVersion"])
            account.pending.clear()
            return
        raise LedgerUnavailableError


def _record(account: _Account) -> LedgerRecord:
    """What is to be stored; fields that this process does not count are kept as they were read."""
    if account.app is None:
        raise RuntimeError("nothing was counted, so nothing is to be written")
    ref = account.app.record.app
    if account.stored is None:
        return LedgerRecord(app=ref, violations=account.live)
    return account.stored.model_copy(update={"app": ref, "violations": account.live})


def _manifest(namespace: str, account: _Account, record: LedgerRecord) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": account.child}
    if account.stored is not None:
        metadata["resourceVersion"] = account.version
    body = record.model_dump(by_alias=True, exclude_none=True, mode="json")
    return {"apiVersion": API_VERSION, "kind": "Ledger", "metadata": metadata, "record": body}


def _add(violations: Violations, entry: ViolationEntry, app: App) -> Violations:
    record = app.record
    return rules.add(violations, entry, record.violation_policy, record.tier.tool_calls_per_action, record.count_from)


def _reached(violations: Violations, app: App, now: datetime) -> bool:
    record = app.record
    return rules.reached(violations, record.violation_policy, record.tier.tool_calls_per_action, record.count_from, now)


def _counted(violations: Violations, app: App, now: datetime) -> int:
    record = app.record
    return rules.counted(
        violations.window, record.violation_policy, record.tier.tool_calls_per_action, record.count_from, now
    )


def _later(one: Tripped | None, other: Tripped | None) -> Tripped | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda tripped: tripped.at)
