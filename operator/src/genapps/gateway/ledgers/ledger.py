# SPDX-License-Identifier: Apache-2.0
"""Counts violations in the apps' Ledgers, which all gateways write and watch.

A violation is in the Ledger, by compare and swap, before anybody hears of its refusal. Who loses a swap counts again on
what the winner wrote. Those that come while a swap is under way share the next one; after the threshold nothing is
written. What cannot be written counts here all the same, and is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from pydantic import ValidationError

from genapps.api.names import budget_of_ledger, connector_of_ledger
from genapps.cluster import clocks
from genapps.cluster.errors import ApiError, ConflictError, NotFoundError
from genapps.cluster.resources import LEDGER, Object
from genapps.gateway.callers.records import App
from genapps.gateway.decision import Violation
from genapps.gateway.ledgers.account import Account
from genapps.gateway.ledgers.objects import Objects
from genapps.gateway.metrics import Metrics

WRITE_SECONDS = 2.0
"""How long an answer waits for its violation to become durable."""
FLUSH_SECONDS = 1.0
_STOP_SECONDS = 5.0
_ATTEMPTS = 5

_log = structlog.get_logger(__name__)


class LedgerUnavailableError(Exception):
    """The Ledger cannot be written or understood: what is counted stays in memory, and nothing is decided on it."""


class Ledgers:
    """The accounts of all apps. A sink of the watch on Ledgers."""

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
        self._accounts: dict[str, Account] = {}

    def listed(self, objects: Sequence[Object], resource_version: str) -> None:
        """A complete list: what is not in it was removed."""
        for object_ in objects:
            self.changed(object_)
        for child in self._accounts.keys() - {str(object_["metadata"]["name"]) for object_ in objects}:
            self._remove(child, int(resource_version))

    def changed(self, object_: Object) -> None:
        """A gateway wrote a Ledger. One that cannot be read denies its own app, and no other."""
        child = str(object_["metadata"]["name"])
        if connector_of_ledger(child) is not None or budget_of_ledger(child) is not None:
            return  # no account of an app
        try:
            self._account(child).take(object_, self._clock())
        except ValidationError as error:
            _log.error("ledger_unreadable", child=child, faults=error.error_count())

    def deleted(self, object_: Object) -> None:
        """The operator purged a Ledger, or somebody removed it under us."""
        self._remove(str(object_["metadata"]["name"]), int(object_["metadata"]["resourceVersion"]))

    def at_threshold(self, app: App) -> bool:
        """Whether the app has reached the threshold of its policy, as far as it is known here. Raises
        LedgerUnavailable."""
        account = self._accounts.get(app.child)
        return account is not None and _readable(account).reached(app, self._clock())

    async def count(self, app: App, violation: Violation, request_id: str) -> bool:
        """Count one more, durably; False when the app had reached its threshold without it.

        Raises LedgerUnavailable when it could not become durable; it is counted in memory all the same."""
        account = _readable(self._account(app.child))
        now = self._clock()
        if account.reached(app, now):
            return False
        seen = account.add(app, violation, request_id, now)
        self._metrics.violations.labels(violation.rule).inc()
        async with account.lock:
            if seen.counted is None and seen.failed:
                raise LedgerUnavailableError  # with the attempt that it waited for: a queue would wait in turn
            if seen.counted is None:
                await self._write(account)
        tripped = account.violations.tripped
        self._metrics.tripped.inc(tripped is not None and tripped.at == seen.entry.at)
        return bool(seen.counted)

    def forget(self, child: str) -> None:
        """The operator purged the app's record."""
        account = self._accounts.get(child)
        if account is not None and account.record is None:
            del self._accounts[child]
        elif account is not None:
            account.purged = True

    async def keep_flushed(self) -> None:
        """Until cancelled: makes durable what could not be written when it was seen."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> bool:
        """Write all that is pending; True when nothing is left. The first failure ends the round."""
        dirty = [account for account in self._accounts.values() if account.pending]
        try:
            for account in dirty:
                async with account.lock:
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

    def _account(self, child: str) -> Account:
        account = self._accounts.get(child)
        if account is None:
            account = self._accounts[child] = Account(child)
        return account

    def _remove(self, child: str, version: int) -> None:
        account = self._accounts.get(child)
        if account is None:
            return
        account.remove(version)
        if account.purged and account.record is None:
            del self._accounts[child]

    async def _write(self, account: Account) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._swap(account)
        except (ApiError, TimeoutError) as error:
            self._metrics.ledger_writes.labels("failed").inc()
            for seen in account.pending:
                seen.failed = True
            _log.warning("ledger_not_written", child=account.child, error=repr(error))
            raise LedgerUnavailableError from error

    async def _swap(self, account: Account) -> None:
        """Until nothing is left of what was pending at the beginning: written, found written, or left out."""
        begun = list(account.pending)
        for _ in range(_ATTEMPTS):
            batch, manifest = list(_readable(account).pending), account.manifest(self._namespace)
            write = self._objects.create if account.record is None else self._objects.apply
            try:
                written = await write(manifest)
            except (ConflictError, NotFoundError):
                self._metrics.ledger_writes.labels("conflict").inc()
                await self._read(account)
            else:
                self._metrics.ledger_writes.labels("written").inc()
                account.written(batch)
                self.changed(written)
            if all(seen.counted is not None for seen in begun):
                return
        _log.warning("ledger_contended", child=account.child, attempts=_ATTEMPTS)
        raise LedgerUnavailableError

    async def _read(self, account: Account) -> None:
        try:
            self.changed(await self._objects.get(LEDGER, self._namespace, account.child))
        except NotFoundError:
            account.remove(account.version + 1)


def _readable(account: Account) -> Account:
    if not account.readable:
        raise LedgerUnavailableError
    return account
