# SPDX-License-Identifier: Apache-2.0
"""Proof of the fence (the app's network isolation): the gateway's port answers and its canary port does not.

Both are ports of the same pods, and the gateway's own policy admits app pods to both. So only this app's egress
policy can block the canary. The probe guards against misconfiguration (a network plugin that ignores policies, a
missing policy) and not against a compromised runtime.

It blocks, on the standard library alone. So it costs little in a process of its own, and the worker's loop cannot keep
it from its turn.
"""

import socket
import ssl
import time
from collections.abc import Callable
from enum import Enum

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.settings import Settings
from genapps_runtime.termination import Reason, RefusedError

GATEWAY_SECONDS = 3.0
FIRST_WINDOW_SECONDS = 0.1
WINDOW_SECONDS = 1.0
PATIENCE_FACTOR = 10
PROBE_SECONDS = GATEWAY_SECONDS * (1 + PATIENCE_FACTOR)
"""The longest that a probe may take."""
RETRY_SECONDS = 0.2
RENEW_SECONDS = 1.0
_STATUS_LINE_BYTES = 1024


class Finding(Enum):
    """The result of one probe."""

    PROVEN = "proven"
    OPEN = "open"
    UNREACHABLE = "unreachable"


class FenceProbe:
    """Probes at the start and then periodically. `proven` is the latest result; `after_each` is called after each one.

    When the fence was proven is noted in the shared page. So the proof of an earlier process counts, while it is
    recent.
    """

    def __init__(
        self,
        settings: Settings,
        config: RuntimeConfig,
        heartbeat: Heartbeat,
        after_each: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._gateway = GatewayAddress.of_pod(settings, config)
        self._canary = self._gateway.connect, settings.canary_port or config.canary_port
        self._heartbeat = heartbeat
        self._after_each = after_each
        self.proven = self.recent()

    def recent(self, for_seconds: float = 0.0) -> bool:
        """Whether guest code may run on the last proof, now and for so long."""
        proven = self._heartbeat.proven_ns
        age = (time.monotonic_ns() - proven) / 1e9
        return proven > 0 and age + for_seconds <= self._settings.fence_proof_seconds

    def prove(self) -> None:
        """Return when the fence is proven.

        Waits without limit for the gateway; the pod is not ready meanwhile. Raises RefusedError (EgressOpen) when
        the canary answers for longer than `fence_patience_seconds`: policies may take effect shortly after a pod's
        start.
        """
        open_since: float | None = None
        while True:
            finding = self.probe(FIRST_WINDOW_SECONDS)
            if finding is Finding.PROVEN:
                return
            if finding is Finding.OPEN:
                open_since = open_since or time.monotonic()
                if time.monotonic() - open_since >= self._settings.fence_patience_seconds:
                    raise _egress_open(self._canary)
            time.sleep(RETRY_SECONDS)

    def watch(self) -> None:
        """Renew the proof every `fence_interval_seconds`. Ends only by RefusedError (EgressOpen)."""
        while True:
            due = self._heartbeat.proven_ns / 1e9 + self._settings.fence_interval_seconds
            time.sleep(max(0.0, due - time.monotonic()))
            self.renew()

    def renew(self) -> None:
        """Probe now, and return when the fence is proven again; see `prove`."""
        while True:
            if self.probe(WINDOW_SECONDS) is Finding.OPEN:
                self.prove()
            if self.proven:
                return
            time.sleep(RENEW_SECONDS)

    def probe(self, window_seconds: float) -> Finding:
        """One probe, of PROBE_SECONDS at most.

        The canary is tried after the gateway has answered, and for ten times as long as the gateway took (at least
        `window_seconds`). Only then does its silence mean something.
        """
        begun = time.monotonic()
        if not self._gateway_answers(begun + GATEWAY_SECONDS):
            finding = Finding.UNREACHABLE
        elif self._canary_answers(max(window_seconds, PATIENCE_FACTOR * (time.monotonic() - begun))):
            finding = Finding.OPEN
        else:
            finding = Finding.PROVEN
            self._heartbeat.proven_ns = int(begun * 1e9)
        self.proven = finding is Finding.PROVEN
        self._after_each()
        return finding

    def _gateway_answers(self, deadline: float) -> bool:
        """Whether the gateway, by its certificate, says that it is healthy."""
        gateway = self._gateway
        request = f"GET /v1/healthz HTTP/1.1\r\nhost: {gateway.name}:{gateway.port}\r\nconnection: close\r\n\r\n"
        try:
            trust = self._trust()
            with (
                socket.create_connection((gateway.connect, gateway.port), _left(deadline)) as plain,
                trust.wrap_socket(plain, server_hostname=gateway.name) as connection,
            ):
                connection.sendall(request.encode("ascii"))
                line = b""
                while b"\r\n" not in line and len(line) < _STATUS_LINE_BYTES:
                    connection.settimeout(_left(deadline))
                    received = connection.recv(_STATUS_LINE_BYTES)
                    if not received:
                        return False
                    line += received
        except (OSError, ValueError):
            return False
        return line.startswith(b"HTTP/1.1 200 ")

    def _trust(self) -> ssl.SSLContext:
        """A context that trusts only the mounted authority, which may be another one at each probe."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self._settings.gateway_ca_file)
        return context

    def _canary_answers(self, window_seconds: float) -> bool:
        try:
            socket.create_connection(self._canary, window_seconds).close()
        except OSError:
            return False
        return True


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _egress_open(canary: tuple[str, int]) -> RefusedError:
    return RefusedError(
        Reason.EGRESS_OPEN,
        f"the pod connected to the canary {canary[0]}:{canary[1]}, which its NetworkPolicy forbids; "
        "the cluster does not enforce NetworkPolicies",
    )
