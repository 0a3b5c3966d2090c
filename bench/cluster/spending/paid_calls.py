# SPDX-License-Identifier: Apache-2.0
"""How many calls a second 8 clients get paid: the whole way from a caller through an app's pod and a gateway."""

from __future__ import annotations

from bench.cluster.platform import Platform
from bench.cluster.spending.objects import CALL, budget, budget_name
from bench.cluster.spending.paying import paying
from bench.context import Context
from bench.figures import Figure, figure, peer
from bench.load.job import Load

_CLIENTS = 8
_ENOUGH = 10**9


async def paid_calls(context: Context, platform: Platform) -> list[Figure]:
    """One call an action, of an app under a budget with a limit and of one whose budget limits nothing, in turns.

    Who has no budget may call nothing, so the second one is the nearest thing to no budget."""
    seconds, rounds = context.amount(5, 1) / 1.0, context.amount(7, 2)
    loads = []
    for purpose, calls in (("limited", _ENOUGH), ("unlimited", None)):
        paid_by = budget(budget_name(platform.name(purpose)), calls)
        (address,) = await paying(platform, paid_by, [platform.name(purpose)])
        loads.append(Load(address, 80, CALL, connections=_CLIENTS, seconds=seconds, warm_up=seconds / 5))
    rates: list[list[float]] = [[], []]
    for _ in range(rounds):
        for load, of in zip(loads, rates, strict=True):
            of.append((await platform.generator.load(load)).rate)
    limited, unlimited = rates
    beside = peer("without a limit", unlimited)
    return [figure("calls of 8 clients, one budget", "calls/s", "kubernetes", limited, beside)]
