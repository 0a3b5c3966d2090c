# SPDX-License-Identifier: Apache-2.0
"""The execution breaker of the app: which ends of actions count, and who is told when it opens.

Only what the app itself did wrong counts: traps, time-outs, exceptions and statuses from 500 on. What the platform
refuses, what a caller asked wrongly, and a tool that failed, count neither for the app nor against it.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from genapps_runtime import logs
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.ended import Ended
from genapps_runtime.serve.fallback.breaker import Breaker
from genapps_runtime.serve.messages import SERVER_ERROR, Exchange, Reply

FAILURES = frozenset(
    {
        "ActionTimeout", "AppFailed", "AppUnavailable", "CpuLimitExceeded", "GuestTrapped", "MemoryExceeded",
        "ResponseInvalid", "ResponseTooLarge", "TurnInvalid",
    }
)  # fmt: skip


class Turned(Protocol):
    """Whoever is told that the breaker has opened or closed."""

    def __call__(self, *, is_open: bool) -> None:
        """Called on the event loop."""


class OpenState:
    """Whether callers of the app are refused, in the metrics and for whoever is told.

    `turned` is told when that changes, and at once if an earlier process of the pod has left it so.
    """

    def __init__(self, metrics: Metrics, turned: Turned | None) -> None:
        self._metrics = metrics
        self._turned = turned
        self.open = False
        left = metrics.value("genapps_breaker_open")
        metrics.set("genapps_breaker_open", 0)
        if left and turned is not None:
            turned(is_open=False)

    def set(self, *, is_open: bool) -> None:
        """That is so from now on."""
        if is_open is not self.open:
            self.open = is_open
            self._metrics.set("genapps_breaker_open", int(is_open))
            if self._turned is not None:
                self._turned(is_open=is_open)


class ExecutionBreaker:
    """Of an app without tenants. `open` is all that a request looks at. It is closed when the process starts."""

    def __init__(
        self, clock: Callable[[], float], metrics: Metrics, identity: dict[str, str], turned: Turned | None = None
    ) -> None:
        """`turned` is explained at `OpenState`."""
        self._breaker = Breaker(clock)
        self._metrics = metrics
        self._identity = identity
        self._state = OpenState(metrics, turned)
        self.open = False

    def admits(self, exchange: Exchange, _tenant: str) -> bool:
        """Whether this request is tried although the breaker is open."""
        return self._breaker.admit(exchange)

    def take(self, ended: Iterable[Ended]) -> None:
        """Count these ends."""
        if self.open:
            for one in ended:
                if self._breaker.ended(one.action.exchange, app_failed(one)):
                    self.open = False
                    logs.write("breaker closed", **self._identity)
                    self._state.set(is_open=False)
            return
        failures = [failed for one in ended if (failed := app_failed(one)) is not None]
        if failures and self._breaker.count(len(failures), sum(failures)):
            self.open = True
            self._metrics.breaker_opened()
            window = self._breaker.window
            logs.write("breaker opened", level="error", actions=window[0], failures=window[1], **self._identity)
            self._state.set(is_open=True)


def app_failed(ended: Ended) -> bool | None:
    """Whether the app failed; None when this end says nothing about it."""
    outcome = ended.outcome
    if ended.replayed or not isinstance(ended.action, Action) or ended.action.fallback:
        return None
    if isinstance(outcome, ProblemError):
        return True if (outcome.cause or outcome).code in FAILURES else None
    return outcome.status >= SERVER_ERROR if isinstance(outcome, Reply) else None
