# SPDX-License-Identifier: Apache-2.0
"""Proof of the fence (the app's network isolation): the gateway's port answers and its canary port does not.

Both are ports of the same pods, and the gateway's own policy admits app pods to both. So only this app's egress
policy can block the canary. The probe guards against misconfiguration (a network plugin that ignores policies, a
missing policy) and not against a compromised runtime.
"""

import asyncio
import time
from enum import Enum

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_client import GatewayClient, UnreachableError
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.settings import Settings
from genapps_runtime.termination import Reason, RefusedError

GATEWAY_SECONDS = 3.0
FIRST_WINDOW_SECONDS = 0.1
WINDOW_SECONDS = 1.0
PATIENCE_FACTOR = 10
RETRY_SECONDS = 0.2
RENEW_SECONDS = 1.0


class Finding(Enum):
    """The result of one probe."""

    PROVEN = "proven"
    OPEN = "open"
    UNREACHABLE = "unreachable"


class FenceProbe:
    """Probes at the start and then periodically. `proven` is the latest result, `detail` its reason.

    When the fence was proven is noted in the shared page. So the proof of an earlier process counts, while it is
    recent.
    """

    def __init__(self, settings: Settings, config: RuntimeConfig, gateway: GatewayClient, heartbeat: Heartbeat) -> None:
        self._gateway = gateway
        self._canary = gateway.address.connect, settings.canary_port or config.canary_port
        self._heartbeat = heartbeat
        self._interval = settings.fence_interval_seconds
        self._patience = settings.fence_patience_seconds
        self._proof_seconds = settings.fence_proof_seconds
        self.proven = self.recent()
        self.detail = "not probed yet"

    def recent(self) -> bool:
        """Whether guest code may run on the last proof."""
        proven = self._heartbeat.proven_ns
        return proven > 0 and time.monotonic_ns() - proven <= self._proof_seconds * 1e9

    async def until_recent(self) -> None:
        """Return when there is a recent proof; see `prove`."""
        if not self.recent():
            await self.prove()

    async def prove(self) -> None:
        """Return when the fence is proven.

        Waits without limit for the gateway; the pod is not ready meanwhile. Raises RefusedError (EgressOpen) when
        the canary answers for longer than `fence_patience_seconds`: policies may take effect shortly after a pod's
        start.
        """
        open_since: float | None = None
        while True:
            finding = await self.probe(FIRST_WINDOW_SECONDS)
            if finding is Finding.PROVEN:
                return
            if finding is Finding.OPEN:
                open_since = open_since or time.monotonic()
                if time.monotonic() - open_since >= self._patience:
                    raise _egress_open(self._canary)
            await asyncio.sleep(RETRY_SECONDS)

    async def watch(self) -> None:
        """Renew the proof every `fence_interval_seconds`. Ends only by RefusedError (EgressOpen)."""
        while True:
            await asyncio.sleep(self._heartbeat.proven_ns / 1e9 + self._interval - time.monotonic())
            await self.renew()

    async def renew(self) -> None:
        """Probe now, and return when the fence is proven again; see `prove`."""
        while True:
            if await self.probe(WINDOW_SECONDS) is Finding.OPEN:
                await self.prove()
            if self.proven:
                return
            await asyncio.sleep(RENEW_SECONDS)

    async def probe(self, window_seconds: float) -> Finding:
        """One probe.

        The canary is tried after the gateway has answered, and for ten times as long as the gateway took (at least
        `window_seconds`). Only then does its silence mean something.
        """
        begun = time.monotonic()
        try:
            await self._gateway.healthy(GATEWAY_SECONDS)
        except (UnreachableError, OSError) as error:
            self.proven, self.detail = False, f"the gateway is out of reach: {error}"
            return Finding.UNREACHABLE
        if await self._canary_answers(max(window_seconds, PATIENCE_FACTOR * (time.monotonic() - begun))):
            self.proven, self.detail = False, "the canary port answers"
            return Finding.OPEN
        self.proven, self.detail = True, "proven"
        self._heartbeat.proven_ns = int(begun * 1e9)
        return Finding.PROVEN

    async def _canary_answers(self, window_seconds: float) -> bool:
        try:
            async with asyncio.timeout(window_seconds):
                _, writer = await asyncio.open_connection(*self._canary)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True


def _egress_open(canary: tuple[str, int]) -> RefusedError:
    return RefusedError(
        Reason.EGRESS_OPEN,
        f"the pod connected to the canary {canary[0]}:{canary[1]}, which its NetworkPolicy forbids; "
        "the cluster does not enforce NetworkPolicies",
    )
