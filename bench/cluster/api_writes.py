# SPDX-License-Identifier: Apache-2.0
"""What an app costs the API server: every write of operator and gateway, by the API server's own audit log."""

from __future__ import annotations

import asyncio

from bench.apps import ANSWERS
from bench.cluster.audit import AuditLog
from bench.cluster.platform import Platform
from bench.cluster.start import start
from bench.context import Context
from bench.figures import Figure, figure

# Events and the last status may trail Ready; they belong to the app as well.
_TRAILING_SECONDS = 2.0


async def api_writes(context: Context, platform: Platform) -> list[Figure]:
    """Per app from apply to Ready and two seconds on; refused requests, records, status and Events count."""
    counts: list[float] = []
    for number in range(context.amount(10, 2)):
        log = AuditLog(platform.node.logs / "audit.log")
        await start(platform, platform.name("writes", number), ANSWERS)
        await asyncio.sleep(_TRAILING_SECONDS)
        written = [write for user in ("genapps-operator", "genapps-gateway") for write in log.writes(user)]
        counts.append(len(written))
    return [figure("API writes, apply to Ready", "writes", "kubernetes", counts)]
