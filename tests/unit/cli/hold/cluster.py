# SPDX-License-Identifier: Apache-2.0
"""An API server with GeneratedApps, and an operator that judges them as the tests say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from click.testing import CliRunner, Result

from genapps.cli.main import main
from tests.support.admission import APP, changed

Json = dict[str, Any]
Pass = Callable[[Json], None]
"""Of the operator over an app whose spec has changed; it writes the status."""
ID = "0123456789abcdef" * 2
ROOT = "/apis/genapps.dev/v1alpha1"
LIFTED: Json = {"id": ID, "reason": "Held", "at": "2026-11-30T08:00:00.000000Z", "repeats": 0, "hold": "stop"}


def app(name: str, changes: Json | None = None, namespace: str = "finance") -> Json:
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 1, "resourceVersion": "1"}
    return changed(APP, {"metadata": metadata, "status": {"observedGeneration": 1}, **(changes or {})})


def suspended(name: str, changes: Json | None = None, **suspension: Any) -> Json:
    """An app that AppHold stop has suspended, and that no hold matches any more."""
    ready = {"type": "Ready", "status": "False", "reason": "Held", "message": "Suspended by AppHold stop."}
    status = {"observedGeneration": 1, "suspension": {**LIFTED, **suspension}, "conditions": [ready]}
    return app(name, {"status": status, **(changes or {})})


def judged(*conditions: tuple[str, str, str], suspension: Json | None = None) -> Pass:
    """A pass that ends with these conditions (type, status, reason)."""

    def judge(one: Json) -> None:
        one["status"] = {
            "observedGeneration": one["metadata"]["generation"],
            "conditions": [
                {"type": type_, "status": status, "reason": reason, "message": f"It is {reason}.\x1b"}
                for type_, status, reason in conditions
            ],
        }
        if suspension:
            one["status"]["suspension"] = suspension

    return judge


READY = judged(("Ready", "True", "Available"))


def acknowledging(one: Json) -> None:
    """As the operator does: the app is ready when its spec acknowledges the open suspension."""
    if one["spec"]["acknowledgedSuspension"] == one["status"]["suspension"]["id"]:
        READY(one)
    else:
        one["status"]["observedGeneration"] = one["metadata"]["generation"]


@dataclass
class Cluster:
    """`passes` says what the operator does with an app after a write, `refusals` which writes the server refuses with
    which status; `on_look` is called with the number of each get that finds an app."""

    apps: list[Json] = field(default_factory=list)
    passes: dict[str, Pass] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    listing_status: int = 200
    on_look: Callable[[int], None] = lambda _: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    writes: list[tuple[str, str]] = field(default_factory=list)
    """Name and the value of spec.acknowledgedSuspension."""
    created: list[Json] = field(default_factory=list)
    listed_from_cache: bool = False
    looks: int = 0
    port: int = 0

    def named(self, name: str) -> Json:
        return next(one for one in self.apps if one["metadata"]["name"] == name)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path))
        name = request.path.rpartition("/")[2]
        match request.method, name:
            case "POST", "appholds":
                self.created.append(await request.json())
                return self._answered("hold", self.created[-1])
            case "GET", "generatedapps":
                self.listed_from_cache = "resourceVersion" in request.query
                found = [one for one in self.apps if _listed(one, request.path)]
                body = {"metadata": {"resourceVersion": "1"}, "items": found, "message": "you may not list"}
                return web.json_response(body, status=self.listing_status)
            case "GET", _:
                return self._shown(name)
        return await self._written(name, request)

    def _shown(self, name: str) -> web.Response:
        self.looks += 1
        self.on_look(self.looks)
        found = [one for one in self.apps if one["metadata"]["name"] == name]
        return web.json_response(found[0] if found else {"message": "gone"}, status=200 if found else 404)

    async def _written(self, name: str, request: web.Request) -> web.Response:
        assert request.method == "PATCH"
        given, one = await request.json(), self.named(name)
        assert given["metadata"] == {key: one["metadata"][key] for key in ("namespace", "name", "uid")}
        assert set(given["spec"]) == {"acknowledgedSuspension"}
        self.writes.append((name, given["spec"]["acknowledgedSuspension"]))
        if name not in self.refusals:
            one["spec"] |= given["spec"]
            one["metadata"]["generation"] += 1
            self.passes.get(name, acknowledging)(one)
        return self._answered(name, one)

    def _answered(self, name: str, body: Json) -> web.Response:
        status = self.refusals.get(name, 200)
        return web.json_response(body if status == 200 else {"message": "no,\x1b because"}, status=status)

    async def run(self, where: Path, *words: str) -> Result:
        """The command `genapps` with this cluster."""
        config = {
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        }  # fmt: skip
        path = where / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        environment = {"KUBECONFIG": str(path), "KUBERNETES_SERVICE_HOST": ""}
        # The command has an event loop of its own.
        found = await asyncio.to_thread(CliRunner().invoke, main, words, env=environment)
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        return found


def _listed(one: Json, path: str) -> bool:
    return path in {f"{ROOT}/generatedapps", f"{ROOT}/namespaces/{one['metadata']['namespace']}/generatedapps"}


@asynccontextmanager
async def served(cluster: Cluster) -> AsyncIterator[Cluster]:
    """The cluster, while it answers."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", cluster.answer)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster.port = runner.addresses[0][1]
    yield cluster
    await runner.cleanup()
