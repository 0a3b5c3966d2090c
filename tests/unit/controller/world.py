# SPDX-License-Identifier: Apache-2.0
"""A controller in miniature: objects as the API server would send them, a clock that the test moves, and the loop with
a small API server behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from genapps.api.names import child_name
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.changes import Change
from genapps.controller.cache.keys import Key
from genapps.controller.cache.wakeups import SweepRequest, Wakeup, wakeups
from genapps.controller.settings import Settings
from genapps.registry.artifact import Artifact, Reference

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SETTINGS = Settings(system_namespace="system", run_namespaces=frozenset({"run"}), runtime_image="image")
DIGEST = "sha256:" + "0" * 64


@dataclass(eq=False)
class Order:
    """A call that was ordered for later."""

    due: float
    callback: Callable[[Any], None]
    key: Any
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True

    def when(self) -> float:
        return self.due


@dataclass
class Clock:
    """Time that stands still until the test moves it."""

    now: float = 0.0
    orders: list[Order] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def date(self) -> datetime:
        """The time of day that belongs to it."""
        return NOW + timedelta(seconds=self.now)

    def call_at(self, when: float, callback: Callable[[Any], None], key: Any, /) -> Order:
        self.orders.append(Order(when, callback, key))
        return self.orders[-1]

    def move_to(self, when: float) -> None:
        self.now = when
        due = [order for order in self.orders if order.due <= when]
        self.orders = [order for order in self.orders if order.due > when]
        for order in sorted(due, key=lambda order: order.due):
            if not order.cancelled:
                order.callback(order.key)


@dataclass
class Seen:
    """Caches whose wakeups are collected."""

    wakeups: list[Wakeup] = field(default_factory=list)
    caches: Caches = field(init=False)

    def __post_init__(self) -> None:
        self.caches = Caches("system", frozenset({"run"}), lambda: NOW, self._changed)

    def _changed(self, caches: Caches, change: Change) -> None:
        self.wakeups.extend(wakeups(caches, change))

    def woken(self) -> list[Key | SweepRequest]:
        """Whom changes have woken since this was last asked."""
        taken = [wakeup.target for wakeup in self.wakeups]
        self.wakeups.clear()
        return taken


def confirmed(namespace: str, text: str, version: int = 1) -> dict[str, Any]:
    """A namespace in which a person has confirmed that so many apps may vanish."""
    metadata = {"name": namespace, "uid": f"uid-{namespace}", "resourceVersion": str(version)}
    return {"metadata": {**metadata, "annotations": {"genapps.dev/confirm-vanished": text}}}


def caches() -> Caches:
    """Caches of one run namespace, `run`, that wake nobody."""
    return Caches("system", frozenset({"run"}), lambda: NOW)


def app(name: str, version: int = 1, **spec: Any) -> dict[str, Any]:
    """A GeneratedApp in the namespace `team`."""
    metadata = {"namespace": "team", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": spec}


def record(name: str, version: int = 1, **fields: Any) -> dict[str, Any]:
    """The AppRecord of that app, under the budget `b`."""
    content = {
        "app": {"namespace": "team", "name": name, "uid": f"uid-{name}"},
        "namespaceUid": "n1",
        "owner": {"team": "t"},
        "budget": "b",
        "runNamespace": "run",
        "tier": {"name": "small"},
        "violationPolicy": {},
        "envelope": {"digest": DIGEST},
        **fields,
    }
    metadata = {"namespace": "system", "name": child_name("team", name), "uid": "r", "resourceVersion": str(version)}
    return {"metadata": metadata, "record": content}


def child(name: str, kind: str = "Service") -> dict[str, Any]:
    """A child of that app, in the run namespace."""
    labels = {
        "app.kubernetes.io/managed-by": "genapps",
        "genapps.dev/app": name,
        "genapps.dev/app-namespace": "team",
        "genapps.dev/app-uid": f"uid-{name}",
    }
    metadata = {"namespace": "run", "name": child_name("team", name), "uid": "c", "resourceVersion": "1"}
    return {"kind": kind, "metadata": {**metadata, "labels": labels}, "spec": {}}


def budget(name: str, version: int = 1, **policy: Any) -> dict[str, Any]:
    """An AppBudget for `team`, with one tier, `small`."""
    spec = {
        "businessUnit": "b",
        "namespaces": ["team"],
        "runNamespace": "run",
        "tiers": {"small": {}},
        "policy": {"maxRiskClass": "medium", "maxApps": 3, **policy},
    }
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}, "spec": spec}


def connector(name: str, version: int = 1) -> dict[str, Any]:
    """A Connector (one that does not fit its model counts as well)."""
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}, "spec": {}}


async def no_pull(reference: Reference) -> Artifact:
    """A registry that must not be asked."""
    raise AssertionError(f"{reference} is pulled")
