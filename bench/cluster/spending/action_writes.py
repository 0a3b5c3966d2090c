# SPDX-License-Identifier: Apache-2.0
"""What actions that pay cost the API server: every write of both gateways and of the operator, by its audit log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from bench.cluster.audit import AuditLog, Write
from bench.cluster.platform import Platform
from bench.cluster.spending.objects import CALL, budget, budget_name
from bench.cluster.spending.paying import paying
from bench.context import Context
from bench.figures import Figure, figure
from bench.load.job import Load
from genapps.gateway.budgets.spending import IDLE_SECONDS, TOLD_SECONDS

_APPS = 10
_ACTIONS = 1000
_TURNS = 10
_ENOUGH = 10**9
_STEADY_SECONDS = 60.0
_TRAILING_SECONDS = 15.0
"""A round of a gateway, the operator's pause for changes that come in groups, and its write."""


async def action_writes(context: Context, platform: Platform) -> list[Figure]:
    """1,000 actions of 10 apps, one call each, and all that is written of them until nothing is left to tell; then
    what a steady load of the same apps costs, for each 1,000 actions of it.

    The writes begin after a quiet time, so that none of them is about what was before."""
    names = [platform.name("pays", number) for number in range(_APPS)]
    addresses = await paying(platform, budget(budget_name(platform.name("writes")), _ENOUGH), names)
    await _all_told()
    log = AuditLog(platform.node.logs / "audit.log")
    for turn in range(_TURNS * _APPS):
        load = Load(addresses[turn % _APPS], 80, CALL, requests=_ACTIONS // _TURNS // _APPS)
        await platform.generator.load(load)
    await _all_told()
    once = _written(log)
    context.note(f"writes of 1,000 actions of 10 apps: {by_what(once)}")
    log = AuditLog(platform.node.logs / "audit.log")
    actions = await _steady(context, platform, addresses)
    steady = len(_written(log)) * _ACTIONS / actions
    return [
        figure("writes, 1,000 actions, 10 apps", "writes", "kubernetes", [len(once)]),
        figure("the same, of a steady load", "writes", "kubernetes", [steady]),
    ]


async def _steady(context: Context, platform: Platform, addresses: list[str]) -> int:
    """The actions of all apps in turns, a second each, for some minutes; what is told after them counts as well."""
    actions = 0
    for turn in range(int(context.amount(3, 1) * _STEADY_SECONDS)):
        load = Load(addresses[turn % _APPS], 80, CALL, connections=8, seconds=1.0)
        actions += (await platform.generator.load(load)).answered
    return actions


async def _all_told() -> None:
    """What was spent is told, what nobody needs is given back, and status says it: no write shows that there will be
    no other one."""
    await asyncio.sleep(IDLE_SECONDS + TOLD_SECONDS + _TRAILING_SECONDS)


def _written(log: AuditLog) -> list[Write]:
    return [write for user in ("genapps-operator", "genapps-gateway") for write in log.writes(user)]


def by_what(writes: Sequence[Write]) -> str:
    """How many writes of which kind there were: of whom, the verb and the resource, those with the most first."""
    kinds = Counter(f"{write.user.rpartition('-')[2]} {write.what.partition('/')[0]}" for write in writes)
    return ", ".join(f"{count} {what}" for what, count in kinds.most_common())
