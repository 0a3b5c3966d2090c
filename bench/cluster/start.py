# SPDX-License-Identifier: Apache-2.0
"""One app from apply to its first answer."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.apps import NAMESPACE, TIER, Manifest, generated_app
from bench.cluster.platform import Platform
from bench.load.job import Answer
from genapps.api.names import child_name
from genapps.cluster.resources import GENERATED_APP


@dataclass(frozen=True, slots=True)
class Started:
    """When an app started. Times in Unix seconds; `first_request` is the duration of the first request after Ready,
    in seconds, its connection included.
    """

    name: str
    child: str
    address: str
    applied: float
    ready: float
    answered: float
    first_request: float


async def start(platform: Platform, name: str, source: str, tier: str = TIER) -> Started:
    """An app without connectors, see `start_app`."""
    return await start_app(platform, generated_app(name, source, tier=tier))


async def start_app(platform: Platform, manifest: Manifest) -> Started:
    """Apply it, wait until Ready is True, then until it answers a caller in its namespace through its Service."""
    name = manifest["metadata"]["name"]
    platform.running.append(manifest)
    applied = time.time()
    stored = await platform.client.apply(manifest)
    app = await platform.awaited(GENERATED_APP, stored, "Ready")
    ready = time.time()
    address = app["status"]["address"]
    answer = await platform.generator.answer(Answer(address, 80, deadline=60))
    return Started(name, child_name(NAMESPACE, name), address, applied, ready, answer.at, answer.seconds)
