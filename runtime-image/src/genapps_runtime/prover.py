# SPDX-License-Identifier: Apache-2.0
"""The process that repeats the proof of the fence while the app naps. It ends as soon as the fence is proven."""

from genapps_runtime.config import read_config
from genapps_runtime.egress.probe import PROBE_SECONDS, FenceProbe
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.metrics import Metrics
from genapps_runtime.settings import Settings


def run_prover(settings: Settings, config_digest: str, heartbeat: Heartbeat) -> int:
    """Prove the fence, however long the gateway is away, and tell in the shared page how it stands.

    Returns the exit code 0. Raises RefusedError as a worker does: when the canary answers, or the config is another.
    """
    metrics = Metrics(heartbeat.published())

    def tell() -> None:
        heartbeat.expect(PROBE_SECONDS)  # until the next one
        heartbeat.ready = probe.proven
        metrics.set("genapps_fence_proven", float(probe.proven))
        if metrics.changed:
            heartbeat.publish(metrics.render())

    probe = FenceProbe(settings, read_config(settings.config_file, config_digest), heartbeat, tell)
    probe.renew()
    return 0
