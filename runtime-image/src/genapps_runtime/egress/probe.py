# SPDX-License-Identifier: Apache-2.0
"""Proof of the fence (the app's network isolation): the gateway's port answers and its canary port does not.

Both are ports of the same pods, and the gateway's own policy admits app pods to both. So only this app's egress
policy can block the canary. The probe guards against misconfiguration (a network plugin that ignores policies, a
missing policy) and not against a compromised runtime.
"""

import asyncio
import time
from enum import Enum

from genapps_runtime.egress.gateway_client import GatewayClient, UnreachableError
from genapps_runtime.termination import Reason, RefusedError

GATEWAY_SECONDS = 3.0
FIRST_WINDOW_SECONDS = 0.1
WINDOW_SECONDS = 1.0
PATIENCE_FACTOR = 10
RETRY_SECONDS = 0.2


class Finding(Enum):
    """The result of one probe."""

    PROVEN = "proven"
    OPEN = "open"
    UNREACHABLE = "unreachable"


class FenceProbe:
    """Probes at the start and then periodically. `proven` is the latest result, `detail` its reason."""

    def __init__(self, gateway: GatewayClient, canary_address: str, canary_port: int) -> None:
        self._gateway = gateway
        self._canary = (canary_address, canary_port)
        self.proven = False
        self.detail = "not probed yet"

    async def prove(self, patience_seconds: float) -> None:
        """Return when the fence is proven.

        Waits without limit for the gateway; the pod is not ready meanwhile. Raises RefusedError (EgressOpen) when
        the canary answers for longer than `patience_seconds`: policies may take effect shortly after a pod's start.
        """
        open_since: float | None = None
        while True:
            finding = await self.probe(FIRST_WINDOW_SECONDS)
            if finding is Finding.PROVEN:
                return
            if finding is Finding.OPEN:
                open_since = open_since or time.monotonic()
                if time.monotonic() - open_since >= patience_seconds:
                    raise _egress_open(self._canary)
            await asyncio.sleep(RETRY_SECONDS)

    async def watch(self, interval_seconds: float, patience_seconds: float) -> None:
        """Probe again every `interval_seconds`. Ends only by RefusedError (EgressOpen)."""
        while True:
            await asyncio.sleep(interval_seconds if self.proven else min(1.0, interval_seconds))
            if await self.probe(WINDOW_SECONDS) is Finding.OPEN:
                await self.prove(patience_seconds)

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
