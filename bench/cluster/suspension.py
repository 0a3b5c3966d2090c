# SPDX-License-Identifier: Apache-2.0
"""How long an app stays up that keeps violating its policy: from the refusal that reaches the threshold to
Suspended.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import datetime

from bench.apps import NAMESPACE, THRESHOLD, TRESPASSES
from bench.cluster.platform import Platform
from bench.cluster.start import start
from bench.context import Context
from bench.figures import Figure, figure
from bench.load.generator import LoadFailedError
from bench.load.job import Load
from genapps.api.names import SYSTEM_NAMESPACE
from genapps.cluster.resources import GENERATED_APP, LEDGER


async def suspension(context: Context, platform: Platform) -> list[Figure]:
    """The moment of the refusal is the gateway's own (`tripped.at` in the Ledger); both clocks are this machine's."""
    seconds = [await _suspend(platform, number) for number in range(context.amount(10, 2))]
    return [figure("violation to suspended", "s", "kubernetes", seconds)]


async def _suspend(platform: Platform, number: int) -> float:
    name = platform.name("trespass", number)
    # Code of its own for each: a suspension follows the code to other names of the namespace.
    started = await start(platform, name, f"{TRESPASSES}\n# {name}\n")
    app = await platform.client.get(GENERATED_APP, NAMESPACE, started.name)
    suspended = asyncio.ensure_future(_suspended(platform, app))
    # The first answer of all was a violation already, and the pod may be gone before it can send the last one.
    for _ in range(THRESHOLD - 1):
        with suppress(LoadFailedError):
            await platform.generator.load(Load(started.address, 80, requests=1))
    at = await suspended
    ledger = await platform.client.get(LEDGER, SYSTEM_NAMESPACE, started.child)
    tripped = str(ledger["record"]["violations"]["tripped"]["at"])
    return at - datetime.fromisoformat(tripped).timestamp()


async def _suspended(platform: Platform, app: dict[str, object]) -> float:
    await platform.awaited(GENERATED_APP, app, "Suspended")
    return time.time()
