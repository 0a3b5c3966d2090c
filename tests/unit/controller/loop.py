# SPDX-License-Identifier: Apache-2.0
"""The controller's loop on a small API server, which stores what is applied and refuses what a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from aiohttp import web

from genapps.api.names import FIELD_MANAGER, child_name
from genapps.cluster.client import Client
from genapps.cluster.connection import WriteGuard
from genapps.cluster.resources import BY_KIND
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.cluster_memory import ClusterMemory
from genapps.controller.cache.keys import AppKey, Key
from genapps.controller.cache.store import Name
from genapps.controller.code.image_pulls import ImagePulls
from genapps.controller.code.sources import Sources
from genapps.controller.process.metrics import Metrics
from genapps.controller.reconcile.app import Reconciler
from genapps.controller.reconcile.app_hold import HoldReconciler
from genapps.controller.reconcile.budget_record import BudgetPublisher
from genapps.controller.reconcile.cleanup import Cleanup
from genapps.controller.reconcile.connector import ConnectorReconciler
from genapps.controller.reconcile.contracts import ContractReconciler
from genapps.controller.reconcile.events import Events
from genapps.controller.reconcile.execute import Executor
from genapps.controller.reconcile.observe import Observer
from genapps.controller.reconcile.permits import Permits
from genapps.controller.reconcile.queue import WorkQueue
from genapps.controller.reconcile.usage_mirror import UsageMirror
from genapps.controller.reconcile.worker import Worker
from genapps.controller.watch.absence import Absence
from genapps.controller.watch.liveness import StreamLiveness
from genapps.controller.watch.sweep import Sweep
from tests.support.scripted_server import Script, refusal, serve
from tests.unit.controller import world
from tests.unit.controller.world import SETTINGS, Clock, no_pull

KEY = AppKey("team", "a")
_KINDS = {resource.plural: resource.kind for resource in BY_KIND.values()}


@dataclass
class Server:
    """Objects by (kind, name). `refuse` holds a status and a message by method and kind."""

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    refuse: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    alter: Callable[[dict[str, Any]], None] = lambda _: None
    """Somebody else, who edits each object as soon as it is stored."""
    writes: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Method, kind (`GeneratedApp/status`), and body of each write that arrived."""
    version: int = 1000

    async def answer(self, request: web.Request) -> web.StreamResponse:
        kind, name, subresource = _target(request.path)
        body = orjson.loads(await request.read() or b"{}")
        if request.method != "GET":
            self.writes.append((request.method, f"{kind}/{subresource}" if subresource else kind, body))
        if (request.method, kind) in self.refuse:
            status, message = self.refuse[request.method, kind]
            return await refusal(status, "Refused", message)(request)
        name = name or body.get("metadata", {}).get("name", "")
        known = self.objects.get((kind, name))
        if request.method == "GET":
            return _json(known) if known is not None else await refusal(404, "NotFound")(request)
        if request.method == "DELETE":
            self.objects.pop((kind, name), None)
            return _json({"kind": "Status"})
        return _json(self._store(kind, name, body, known or {}))

    def _store(self, kind: str, name: str, body: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        metadata = {"uid": f"{kind}-{name}", **known.get("metadata", {}), **body["metadata"]}
        metadata |= {"resourceVersion": str(self.version), "managedFields": _managed(body)}
        stored = {**known, **body, "kind": kind, "metadata": metadata}
        if kind == "Service":
            stored["spec"] = {**stored["spec"], "clusterIP": "10.0.0.9"}
        if kind == "PersistentVolumeClaim":
            stored["status"] = {"phase": "Bound"}
        self.alter(stored)
        self.objects[kind, name] = stored
        return stored

    def kinds(self) -> list[str]:
        """What was written since this was last asked, without Events."""
        found = [kind for _, kind, _ in self.writes if kind != "Event"]
        self.writes.clear()
        return found


def _managed(body: dict[str, Any]) -> list[dict[str, Any]]:
    """That all of it is ours, as the API server notes it; lists count as one value."""
    metadata = {name: value for name, value in body["metadata"].items() if name not in ("name", "namespace")}
    content = {name: value for name, value in body.items() if name not in ("apiVersion", "kind")}
    fields = _fields({**content, "metadata": metadata})
    return [{"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}]


def _fields(value: Any) -> dict[str, Any]:
    return {f"f:{name}": _fields(below) for name, below in value.items()} if isinstance(value, dict) else {}


def _target(path: str) -> tuple[str, str, str]:
    parts = path.strip("/").split("/")[2 if path.startswith("/api/") else 3 :]
    if parts[0] == "namespaces" and len(parts) > 2:
        parts = parts[2:]
    kind, *rest = parts
    return _KINDS[kind], rest[0] if rest else "", rest[1] if len(rest) > 1 else ""


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


@dataclass
class Loop:
    """Everything from the caches to the worker, wired as in a process, with the app `a` under the budget `b`."""

    client: Client
    server: Server
    caches: Caches
    clock: Clock
    metrics: Metrics
    queue: WorkQueue[Key]
    sweep: Sweep
    observer: Observer
    reconciler: Reconciler
    worker: Worker

    def app(self, version: int, **spec: Any) -> None:
        """The app as people write it."""
        object_ = world.app("a", version, **{**SPEC, **spec})
        object_["metadata"]["generation"] = version
        self.server.objects["GeneratedApp", "a"] = object_
        self.caches.apps.changed(object_)

    def pod_is_ready(self) -> None:
        """The kubelet says that the pod answers."""
        live = self.server.objects["Pod", child_name(*KEY)]
        self.server.version += 1
        metadata = {**live["metadata"], "resourceVersion": str(self.server.version)}
        status = {"phase": "Running", "podIP": "10.1.1.1", "conditions": [{"type": "Ready", "status": "True"}]}
        self.server.objects["Pod", child_name(*KEY)] = ready = {**live, "metadata": metadata, "status": status}
        self.caches.children["run", "Pod"].changed(ready)

    def status(self) -> dict[str, Any]:
        """The app's status as stored."""
        return dict(self.server.objects["GeneratedApp", "a"]["status"])

    def message(self, kind: str) -> str:
        """The message of a condition."""
        return str(next(entry["message"] for entry in self.status()["conditions"] if entry["type"] == kind))


SPEC: dict[str, Any] = {
    "envelope": {"owner": {"team": "t"}, "riskClass": "low"},
    "code": {"language": "python", "source": {"inline": "from genapps import app\n"}},
    "tier": "small",
    "budget": "b",
}


@asynccontextmanager
async def running(write_guard: WriteGuard | None = None) -> AsyncIterator[Loop]:
    """The loop; nothing is reconciled until a test asks for it."""
    server, clock, metrics, caches = Server(), Clock(), Metrics(), world.caches()
    async with serve(Script([server.answer]), attempts=1, write_guard=write_guard, on_write=metrics.write) as client:
        queue: WorkQueue[Key] = WorkQueue(clock, metrics.queue, jitter=lambda: 1.0)
        liveness = StreamLiveness(["generatedapps"], clock.time)
        memory = ClusterMemory(caches.highest_version)
        absence = Absence(client, memory)
        sweep = Sweep(
            client,
            caches,
            SETTINGS,
            metrics,
            liveness,
            queue.add,
            clock.time,
            asyncio.Event(),
            clock.date,
            absence,
            memory,
        )
        observer = Observer(caches, Sources(client, caches.sources, ImagePulls(no_pull, queue.add)), SETTINGS)
        executor = Executor(client, caches, "system", frozenset({"run"}))
        events = Events(client, "process")
        cleanup = Cleanup(absence, caches, observer, executor, sweep, "system", clock.date, queue.add_after)
        reconciler = Reconciler(
            client=client,
            caches=caches,
            observer=observer,
            executor=executor,
            events=events,
            cleanup=cleanup,
            sweep=sweep,
            metrics=metrics,
            clock=clock.date,
            new_id=lambda: "0" * 32,
            later=queue.add_after,
            seen=queue.seen,
            mirror=UsageMirror(clock.time),
            others_first=queue.urgent,
            permits=Permits(lambda run_namespace: len(caches.children[run_namespace, "Pod"]), timedelta(minutes=2)),
        )
        connectors = ConnectorReconciler(
            client, caches, SETTINGS, lambda wanted: _follow(caches, wanted), queue.add_after
        )
        contracts = ContractReconciler(client, caches, queue.add_after)
        worker = Worker(
            queue,
            reconciler,
            connectors,
            contracts,
            BudgetPublisher(client, caches, queue.add_after),
            HoldReconciler(client, caches, events, metrics, queue.add_after),
            client,
            caches,
            observer,
            events,
            metrics,
            SETTINGS,
            clock.time,
            clock.date,
        )
        _fill(caches)
        loop = Loop(client, server, caches, clock, metrics, queue, sweep, observer, reconciler, worker)
        loop.app(10)
        yield loop


def _follow(caches: Caches, wanted: set[Name]) -> None:
    """In place of the watches: what a Service holds is put into the caches by the test."""
    for name in set(caches.services) - wanted:
        caches.services.forget(name)
    for name in wanted - set(caches.services):
        caches.services.follow(name)


def _fill(caches: Caches) -> None:
    """An installation that works: namespaces, the budget, and a gateway that answers."""
    for name, labels in (("system", {}), ("team", {}), ("run", {"genapps.dev/run-namespace": "true"})):
        metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "labels": labels}
        caches.namespaces.changed({"metadata": metadata})
    caches.budgets.changed(world.budget("b", 2))
    gateway = {"namespace": "system", "name": "gateway", "resourceVersion": "3"}
    caches.gateway_service.changed({"metadata": gateway, "spec": {"clusterIP": "10.96.0.50"}})
    ready = [{"conditions": {"ready": True}}]
    caches.gateway_endpoints.changed({"metadata": gateway, "endpoints": ready})
    for store, namespace in ((caches.gateway_ca, "system"), (caches.ca_copies["run"], "run")):
        metadata = {"namespace": namespace, "name": "genapps-gateway-ca", "resourceVersion": "4"}
        store.changed({"metadata": metadata, "data": {"ca.crt": "pem"}})
