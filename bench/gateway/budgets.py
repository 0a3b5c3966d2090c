# SPDX-License-Identifier: Apache-2.0
"""What budgets cost: CPU time, in this process, to pay a call, and how many writes of Ledgers that takes.

The API server is a dictionary here that compares versions as it does, so the figures are of the gateway alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bench.context import Context
from bench.figures import Figure, figure
from bench.gateway.objects import budget, child, record
from genapps.api.apprecord import AppRecord
from genapps.api.names import SYSTEM_NAMESPACE
from genapps.cluster.client import Listing
from genapps.cluster.errors import ConflictError, NotFoundError
from genapps.cluster.resources import Object, Resource
from genapps.core.budgets.amounts import Amounts, Limits
from genapps.gateway.budgets.spending import MOST_IN_A_ROUND, TOLD_SECONDS, Reserved, Spending
from genapps.gateway.callers.records import App
from genapps.gateway.metrics import Metrics

_CLIENTS = 8
_APPS = 10
_CALLS = 1000
_BOUND = Amounts(tokens=2000, tool_calls=1, cost_micros=9000)
_USED = Amounts(tokens=300, tool_calls=1, cost_micros=1200)
_LIMITS = Limits(tokens=10**12, tool_calls=10**9, cost_micros=10**12)


async def budgets(context: Context) -> list[Figure]:
    """Paying from a lease; eight clients of one budget; the writes of ten apps, and of a thousand."""
    amount, rounds = context.amount(5000, 200), context.amount(15, 3)
    before = context.quiet.now()
    alone = [await _micros(amount, 1) for _ in range(rounds)]
    crowd = [1e6 / await _micros(amount, _CLIENTS) for _ in range(rounds)]
    writes = [float(await _writes(_APPS)) for _ in range(rounds)]
    of_many = [float(await _writes(_CALLS))]
    busy = context.quiet.disturbed(before)
    return [
        figure("a call is paid", "us", "engine", alone, disturbed=busy),
        figure("paid for 8 clients of a budget", "calls/s", "engine", crowd, disturbed=busy),
        figure("Ledger writes, 1,000 calls of 10 apps", "", "engine", writes, disturbed=busy),
        figure("the same, one call of 1,000 apps", "", "engine", of_many, disturbed=busy),
    ]


async def _micros(calls: int, clients: int) -> float:
    """CPU time of one call, with its share of the writes."""
    spending, _ = _gateway(lambda: 0.0)
    app = _app(1)

    async def client() -> None:
        for _ in range(calls // clients):
            await _pay(spending, app)

    await _pay(spending, app)
    begun = time.thread_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    return (time.thread_time() - begun) / (calls // clients * clients) * 1e6


async def _writes(apps: int) -> int:
    """Within one minute, from the first lease to the last word of what was spent, by these apps in turns."""
    now = [0.0]
    spending, store = _gateway(lambda: now[0])
    for number in range(_CALLS):
        await _pay(spending, _app(number % apps))
    now[0] += TOLD_SECONDS
    for _ in range(apps // MOST_IN_A_ROUND + 1):
        await spending.write()
    return store.writes


async def _pay(spending: Spending, app: App) -> None:
    envelope = spending.envelope(app)
    if envelope is None:
        raise RuntimeError("the app has a budget")
    reserved = await spending.reserve(app, envelope, _BOUND)
    if not isinstance(reserved, Reserved):
        raise TypeError("there is enough left")
    spending.settle(reserved, _USED)


def _gateway(monotonic: Any) -> tuple[Spending, _Store]:
    envelope, store = replace(budget(), limits=_LIMITS), _Store()
    spending = Spending(
        store,
        SYSTEM_NAMESPACE,
        Metrics(),
        lambda _: envelope,
        "gateway-0/1",
        lambda: datetime(2026, 11, 23, tzinfo=UTC),
        monotonic,
    )
    return spending, store


def _app(number: int) -> App:
    return App(child(number), AppRecord.model_validate(record(number)).record)


class _Store:
    """Ledgers by name."""

    def __init__(self) -> None:
        self.writes = 0
        self._ledgers: dict[str, Object] = {}

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """The Ledger; NotFound."""
        await asyncio.sleep(0)
        if name not in self._ledgers:
            raise NotFoundError(404, "NotFound", name)
        return self._ledgers[name]

    async def list(self, resource: Resource, namespace: str | None = None, *, at_least: str | None = "0") -> Listing:
        """All of them."""
        return Listing(list(self._ledgers.values()), str(self.writes))

    async def create(self, manifest: Mapping[str, Any]) -> Object:
        """A new Ledger; Conflict."""
        if manifest["metadata"]["name"] in self._ledgers:
            raise ConflictError(409, "AlreadyExists", "exists")
        return self._written(manifest)

    async def apply(self, manifest: Mapping[str, Any]) -> Object:
        """The whole Ledger anew; Conflict when it is another version by now."""
        known = self._ledgers[manifest["metadata"]["name"]]
        if known["metadata"]["resourceVersion"] != manifest["metadata"]["resourceVersion"]:
            raise ConflictError(409, "Conflict", "changed")
        return self._written(manifest)

    def _written(self, manifest: Mapping[str, Any]) -> Object:
        self.writes += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.writes)}
        ledger = self._ledgers[metadata["name"]] = {**manifest, "metadata": metadata}
        return ledger
