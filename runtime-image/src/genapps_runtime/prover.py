# SPDX-License-Identifier: Apache-2.0
"""The process that repeats the proof of the fence while the app naps. It ends as soon as the fence is proven."""

import asyncio

from genapps_runtime.config import RuntimeConfig, read_config
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.egress.probe import FenceProbe
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.metrics import Metrics
from genapps_runtime.settings import Settings

BEAT_SECONDS = 1.0


def run_prover(settings: Settings, config_digest: str, heartbeat: Heartbeat) -> int:
    """Prove the fence, however long the gateway is away, and tell in the shared page how it stands.

    Returns the exit code 0. Raises RefusedError as a worker does: when the canary answers, or the config is another.
    """
    config = read_config(settings.config_file, config_digest)
    asyncio.run(_prove(settings, config, heartbeat))
    return 0


async def _prove(settings: Settings, config: RuntimeConfig, heartbeat: Heartbeat) -> None:
    probe = FenceProbe(settings, config, GatewayClient.of_pod(settings, config), heartbeat)
    metrics = Metrics(heartbeat.published())
    proving = asyncio.create_task(probe.renew())
    while not proving.done():
        heartbeat.beat()
        await asyncio.wait([proving], timeout=BEAT_SECONDS)
        heartbeat.ready = probe.proven
        metrics.set("genapps_fence_proven", float(probe.proven))
        if metrics.changed:
            heartbeat.publish(metrics.render())
    proving.result()
