# SPDX-License-Identifier: Apache-2.0
"""Proof of the fence (the app's network isolation): the gateway's port answers and its canary port does not.

Both are ports of the same pods, and the gateway's own policy admits app pods to both. So only this app's egress
policy can block the canary. A connection may be sent to a gateway that has just gone, so each probe tries several. The
probe guards against misconfiguration (a network plugin that ignores policies, a missing policy) and not against a
compromised runtime.

It blocks, on the standard library alone. So it costs little in a process of its own, and the worker's loop cannot keep
it from its turn.
"""

import errno
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from enum import Enum

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_health import seconds_to_answer
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.settings import Settings
from genapps_runtime.termination import Reason, RefusedError

GATEWAY_SECONDS = 3.0
CANARY_CONNECTIONS = 3
FAILURES = 3
"""Probes that must fail, over at least `fence_failing_seconds`, before a proven fence counts as unproven."""
FIRST_WINDOW_SECONDS = 0.1
WINDOW_SECONDS = 1.0
PATIENCE_FACTOR = 10
PROBE_SECONDS = GATEWAY_SECONDS * (1 + PATIENCE_FACTOR)
"""The longest that a probe may take."""
RETRY_SECONDS = 0.2
RENEW_SECONDS = 1.0
_CONNECTING = (0, errno.EINPROGRESS)


class Finding(Enum):
    """The result of one probe."""

    PROVEN = "proven"
    OPEN = "open"
    UNREACHABLE = "unreachable"


class FenceProbe:
    """Probes at the start and then periodically. `after_each` is called after each one.

    When the fence was proven is noted in the shared page. So the proof of an earlier process counts, while it is
    recent. A gateway that goes away is replaced within seconds: only FAILURES in a row end a proof early. An open
    canary ends it at once.
    """

    def __init__(
        self,
        settings: Settings,
        config: RuntimeConfig,
        heartbeat: Heartbeat,
        after_each: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._gateway = GatewayAddress.of_pod(settings, config)
        self._canary = self._gateway.connect, settings.canary_port or config.canary_port
        self._heartbeat = heartbeat
        self._after_each = after_each
        self._clock = clock
        self._holds = self.recent()
        self._failures = 0
        self._failing_since = 0.0

    @property
    def proven(self) -> bool:
        """Whether the app may be ready."""
        return self._holds and self.recent()

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
            finding = self.probe(WINDOW_SECONDS)
            if finding is Finding.OPEN:
                self.prove()
            if finding is not Finding.UNREACHABLE:
                return
            time.sleep(RENEW_SECONDS)

    def probe(self, window_seconds: float) -> Finding:
        """One probe, of PROBE_SECONDS at most.

        The canary is tried after the gateway has answered, and for ten times as long as the gateway took (at least
        `window_seconds`). Only then does its silence mean something.
        """
        begun = self._clock()
        seconds = self._gateway_answers()
        if seconds is None:
            finding = Finding.UNREACHABLE
            self._failed(begun)
        elif self._canary_answers(max(window_seconds, PATIENCE_FACTOR * seconds)):
            finding = Finding.OPEN
            self._holds = False
        else:
            finding = Finding.PROVEN
            self._heartbeat.proven_ns = int(begun * 1e9)
            self._holds, self._failures = True, 0
        self._after_each()
        return finding

    def _failed(self, begun: float) -> None:
        if self._failures == 0:
            self._failing_since = begun
        self._failures += 1
        lasts = self._clock() - self._failing_since
        if self._failures >= FAILURES and lasts >= self._settings.fence_failing_seconds:
            self._holds = False

    def _gateway_answers(self) -> float | None:
        """How many seconds the gateway took to say, by its certificate, that it is healthy; None: it did not."""
        try:
            return seconds_to_answer(self._gateway, self._trust(), GATEWAY_SECONDS)
        except (OSError, ValueError):
            return None

    def _trust(self) -> ssl.SSLContext:
        """A context that trusts only the mounted authority, which may be another one at each probe."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self._settings.gateway_ca_file)
        return context

    def _canary_answers(self, window_seconds: float) -> bool:
        """Whether one of several connections opens: a single one may be sent to a gateway that is gone, and stay
        silent."""
        ends = time.monotonic() + window_seconds
        with ExitStack() as open_, selectors.DefaultSelector() as selector:
            try:
                family, *_, address = socket.getaddrinfo(*self._canary, type=socket.SOCK_STREAM)[0]
            except OSError:
                return False
            for _ in range(CANARY_CONNECTIONS):
                attempt = open_.enter_context(socket.socket(family, socket.SOCK_STREAM))
                attempt.setblocking(False)
                if attempt.connect_ex(address) in _CONNECTING:
                    selector.register(attempt, selectors.EVENT_WRITE, attempt)
            while selector.get_map():
                ready = selector.select(max(0.0, ends - time.monotonic()))
                if not ready:
                    return False
                for key, _ in ready:
                    if key.data.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        return True
                    selector.unregister(key.data)
        return False


def _egress_open(canary: tuple[str, int]) -> RefusedError:
    return RefusedError(
        Reason.EGRESS_OPEN,
        f"the pod connected to the canary {canary[0]}:{canary[1]}, which its NetworkPolicy forbids; "
        "the cluster does not enforce NetworkPolicies",
    )
