# SPDX-License-Identifier: Apache-2.0
"""How fast a limit bites: from the call that used it up to the first refused one, and to the end of the app's pod.

The moment is the answer to the call that settled the last unit, as the app saw it: a budget is reached by spending. A
limit that somebody lowers is another matter: what gateways hold at that moment may still be spent, by design.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from dataclasses import dataclass

from bench.apps import NAMESPACE
from bench.cluster.deletion import PODS
from bench.cluster.platform import Platform
from bench.cluster.spending.objects import UNTIL_REFUSED, budget, budget_name, paying_app
from bench.cluster.spending.paying import offered
from bench.cluster.start import start_app
from bench.context import Context
from bench.figures import Figure, figure
from bench.load.job import Answer, quantile
from genapps.api.names import RUN_NAMESPACE
from genapps.cluster.client import Client
from genapps.cluster.resources import GENERATED_APP, POD

_DEADLINE = 120.0


@dataclass(frozen=True, slots=True)
class _Reached:
    """Unix times by the app's clock, which is this machine's."""

    paid: float
    refused: float


@dataclass(frozen=True, slots=True)
class End:
    """When a pod was ordered to end, and when its object was gone. Unix times."""

    ordered: float
    gone: float


async def threshold(context: Context, platform: Platform) -> list[Figure]:
    """A limit is raised by one call each time; an app uses it and goes on asking. Then the same under `Suspend`.

    From the order on it is the kubelet's time, which looks at its containers once a second."""
    amount = context.amount(30, 3)
    await offered(platform)
    refused = await _refusals(platform, amount)
    ordered, gone = await _stopped(platform, amount)
    return [
        figure("limit used up to refusal, p50", "s", "kubernetes", refused),
        figure("limit used up to refusal, p99", "s", "kubernetes", [quantile(sorted(refused), 0.99)]),
        figure("limit used up to order, p50", "s", "kubernetes", ordered),
        figure("limit used up to order, p99", "s", "kubernetes", [quantile(sorted(ordered), 0.99)]),
        figure("limit used up to pod gone, p50", "s", "kubernetes", gone),
        figure("limit used up to pod gone, p99", "s", "kubernetes", [quantile(sorted(gone), 0.99)]),
    ]


async def _refusals(platform: Platform, amount: int) -> list[float]:
    name = platform.name("refused")
    limited = budget_name(name)
    await platform.client.apply(budget(limited, 0))
    started = await start_app(platform, paying_app(name, limited))
    seconds = []
    for calls in range(1, amount + 1):
        await platform.client.apply(budget(limited, calls))
        reached = await _used_up(platform, started.address)
        seconds.append(reached.refused - reached.paid)
    return seconds


async def _stopped(platform: Platform, amount: int) -> tuple[list[float], list[float]]:
    """Seconds to the order that ends the pod, and to its end."""
    name = platform.name("stopped")
    limited = budget_name(name)
    await platform.client.apply(budget(limited, 1, "Suspend"))
    started = await start_app(platform, paying_app(name, limited))
    ordered, gone = [], []
    for calls in range(1, amount + 1):
        if calls > 1:
            stopped = await platform.client.get(GENERATED_APP, NAMESPACE, name)
            await platform.client.apply(budget(limited, calls, "Suspend"))
            await platform.awaited(GENERATED_APP, stopped, "Ready")
        pods = await platform.client.list(POD, RUN_NAMESPACE, selector=PODS, metadata_only=True, at_least=None)
        uid = (await platform.app_pod(started.child))["metadata"]["uid"]
        ending = asyncio.ensure_future(end_of(platform.client, uid, pods.resource_version))
        reached = await _used_up(platform, started.address)
        end = await ending
        ordered.append(end.ordered - reached.paid)
        gone.append(end.gone - reached.paid)
    return ordered, gone


async def _used_up(platform: Platform, address: str) -> _Reached:
    """The app is asked until the raised limit has reached the gateway, and so one call was paid."""
    answer = await platform.generator.answer(Answer(address, 80, UNTIL_REFUSED, deadline=_DEADLINE))
    told = json.loads(answer.body)
    if told["refused"] != "BudgetExhausted":
        raise RuntimeError(f"the call was to be refused for its budget, and was for {told['refused']}")
    return _Reached(told["paidAt"], told["refusedAt"])


async def end_of(client: Client, uid: str, version: str) -> End:
    """Of the pod with that uid, seen from that version on. Raises TimeoutError when it stays, and RuntimeError when the
    watch ends before it."""
    ordered = None
    stream = client.watch(POD, RUN_NAMESPACE, resource_version=version, selector=PODS, metadata_only=True)
    async with asyncio.timeout(_DEADLINE), aclosing(stream) as events:
        async for kind, pod in events:
            metadata = pod["metadata"]
            if metadata.get("uid") == uid and "deletionTimestamp" in metadata:
                ordered = ordered or time.time()
                if kind == "DELETED":
                    return End(ordered, time.time())
    raise RuntimeError("the watch of pods ended before the pod did")
