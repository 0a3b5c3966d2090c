# SPDX-License-Identifier: Apache-2.0
"""Counts defects of apps, and limits that they met, in their Ledgers.

Nobody waits for these writes, and few are made, however many there are: an app has one in DAMPING_SECONDS, and the
apps together MOST_IN_A_ROUND in a second. Only the defect that reaches the slow threshold is written before its answer.
After it nothing is counted, because everything is refused. Two gateways add up by compare and swap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

import structlog
from pydantic import ValidationError

from genapps.api.ledger import Ledger, LedgerRecord
from genapps.api.slow_counts import Defects
from genapps.cluster import clocks
from genapps.cluster.errors import ApiError
from genapps.cluster.resources import Object
from genapps.core import slow_counts as rules
from genapps.core.text import plain
from genapps.gateway.callers.records import App
from genapps.gateway.catalogue import Offer
from genapps.gateway.decision import SUBJECT_LIMIT
from genapps.gateway.ledgers.objects import Objects, dumped
from genapps.gateway.ledgers.rounds import last_round
from genapps.gateway.ledgers.slow_account import SlowAccount
from genapps.gateway.ledgers.swap import WRITE_SECONDS, LedgerSwap
from genapps.gateway.messages import Fault, Message, ToolCall, request_id
from genapps.gateway.metrics import Metrics
from genapps.gateway.problems import OF_THE_APP, Problem, RefusalClass

MOST_IN_A_ROUND = 20
REMEMBERED_SECONDS = 600.0
"""How long the ids of an app's actions are remembered when nothing more is seen: an action takes no longer."""

_log = structlog.get_logger(__name__)


class SlowLedgers:
    """`note` takes what is refused, `write` writes it in rounds. A sink of the watch on Ledgers."""

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
        self._stored: dict[str, Defects] = {}
        """By child name, as the Ledgers say."""
        self._accounts: dict[str, SlowAccount] = {}
        """Of apps of which something was seen here; what was written longest ago comes first."""

    def listed(self, objects: Sequence[Object], _resource_version: str) -> None:
        """A complete list: what is not in it was removed."""
        names = {str(object_["metadata"]["name"]) for object_ in objects}
        for child in self._stored.keys() - names:
            self._remove(child)
        for object_ in objects:
            self.changed(object_)

    def changed(self, object_: Object) -> None:
        """A gateway wrote a Ledger. One that cannot be read denies its app elsewhere, see `ledger`."""
        if "defects" not in object_.get("record", {}):
            return
        child = str(object_["metadata"]["name"])
        with suppress(ValidationError):
            self._know(child, Ledger.model_validate(object_).record.defects)

    def deleted(self, object_: Object) -> None:
        """The operator purged a Ledger."""
        self._remove(str(object_["metadata"]["name"]))

    def forget(self, child: str) -> None:
        """The operator purged the app's record."""
        self._accounts.pop(child, None)

    def at_threshold(self, app: App) -> bool:
        """Whether the app has reached the slow threshold of its policy, as far as it is known here."""
        account = self._accounts.get(app.child)
        if account is not None:
            return account.reached(app, self._clock())
        stored, record = self._stored.get(app.child), app.record
        return rules.reached(stored, record.violation_policy, record.count_from, self._clock())

    async def note(self, app: App, problem: Problem, message: Message | Fault, offer: Offer | None = None) -> None:
        """What the app asked for, of `offer` if it was a call, was refused like this: that may count as a defect, or as
        a limit that it met."""
        if isinstance(message, Fault) and not message.by_app:
            return  # the runtime's doing, and not its app's
        if problem.refusal_class is RefusalClass.DEFECT:
            if offer is not None and app.record.known_contract(offer.name) not in (None, offer.contract_digest):
                return  # the connector has another contract than the app was started with: that may be why
            subject = f"{message.connector}/{message.tool}" if isinstance(message, ToolCall) else "the request"
            await self.defect(app, problem.code, plain(subject, SUBJECT_LIMIT), request_id(message) or "")
        elif problem.code in OF_THE_APP:
            self._metrics.limits.labels(problem.code).inc()
            self._account(app).add_limit(self._clock())

    async def defect(self, app: App, code: str, subject: str, request_id: str) -> None:
        """An action of the app had a defect. It is durable when it reaches the threshold, unless the API server does
        not answer: then it counts here, and is tried again."""
        account, now = self._account(app), self._clock()
        if account.reached(app, now) or not account.is_another(request_id):
            return
        self._metrics.defects.labels(code).inc()
        account.add_defect(code, subject, request_id, now)
        if account.reached(app, now):
            self._metrics.tripped.inc()
            _log.warning("defects_reached", app=app.record.app.name, namespace=app.record.app.namespace, code=code)
            await self._written(account)

    async def stop(self) -> None:
        """Write what waits, once and without a pause: whoever comes next does not know it."""
        for account in self._accounts.values():
            account.written = float("-inf")
        await last_round(self.write)

    async def write(self) -> None:
        """Write what is due. What could not be written is due again later; an outage ends the round."""
        now = self._monotonic()
        for account in [one for one in self._accounts.values() if one.last < now - REMEMBERED_SECONDS]:
            if not account.pending and not account.lock.locked():
                del self._accounts[account.app.child]
        due = [account for account in self._accounts.values() if account.due <= now]
        for account in due[:MOST_IN_A_ROUND]:
            if not await self._written(account):
                return

    def _account(self, app: App) -> SlowAccount:
        account, now = self._accounts.get(app.child), self._monotonic()
        if account is None:
            account = SlowAccount(app, now, self._stored.get(app.child))
            self._accounts[app.child] = account
        account.app, account.last = app, now
        return account

    def _know(self, child: str, stored: Defects | None) -> None:
        account = self._accounts.get(child)
        if account is not None:
            account.take(stored)
            stored = account.stored
        if stored is not None:
            self._stored[child] = stored

    def _remove(self, child: str) -> None:
        self._stored.pop(child, None)
        if child in self._accounts:
            self._accounts[child].stored = None

    async def _written(self, account: SlowAccount) -> bool:
        """Whether the API server answered; one Ledger that cannot be read is no outage."""
        child = account.app.child
        async with account.lock:
            if not account.pending or self._accounts.get(child) is not account:
                return True  # another call has written it, or the app was purged
            self._accounts[child] = self._accounts.pop(child)
            account.begin_write(self._monotonic())
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    defects = await self._add(account)
            except (ApiError, TimeoutError, ValidationError) as error:
                account.write_failed()
                self._metrics.ledger_writes.labels("failed").inc()
                _log.warning("defects_not_written", child=child, error=type(error).__name__)
                return isinstance(error, ValidationError)
            account.write_done(defects)
            if account.stored is not None:
                self._stored[child] = account.stored
        return True

    async def _add(self, account: SlowAccount) -> Defects | None:
        """The defects in the Ledger, after what is being sent is added. Raises ApiError or ValidationError."""
        app, defects, limits = account.app, account.sending, account.sending_limits
        policy, count_from = app.record.violation_policy, app.record.count_from
        written: Defects | None = None

        def with_counts(record: Object) -> Object | None:
            nonlocal written
            before = LedgerRecord.model_validate(record) if record else None
            after: Object = {}
            written = before.defects if before else None
            if defects is not None:
                written = rules.with_defects(written, defects, policy, count_from)
                after["defects"] = dumped(written)
            if limits is not None:
                met = before.limits_met if before else None
                after["limitsMet"] = dumped(rules.with_limits(met, limits, policy, count_from))
            return {"app": dumped(app.record.app)} | record | after

        await self._swap.change(app.child, with_counts)
        return written
