# SPDX-License-Identifier: Apache-2.0
"""The gateway as a process of this machine against a cluster, with the rights the chart gives it, for tests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from genapps.api.names import CREDENTIALS_NAMESPACE, child_name, gateway_host
from tools import helm
from tools.kubectl import Kubectl, until
from tools.node import Node

_ANY_IMAGES = {"genapps": "localhost/genapps:test", "runtime": "localhost/genapps-runtime:test"}
_RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@dataclass(frozen=True)
class Reply:
    """An answer of the gateway."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))


@dataclass
class GatewayProcess:
    """One gateway that serves one system namespace, on free ports."""

    kubeconfig: Path
    log: Path
    namespace: str
    ports: dict[str, int] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.ports = dict(zip(("GATEWAY", "CANARY", "HEALTH", "STEP_TOKEN_KEYS"), _free_ports(4), strict=True))
        environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(self.kubeconfig),
            "GENAPPS_SYSTEM_NAMESPACE": self.namespace,
            **{f"GENAPPS_{name}_PORT": str(port) for name, port in self.ports.items()},
        }
        program = Path(sys.executable).with_name("genapps")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([program, "gateway"], env=environment, stdout=log, stderr=log)
        until(lambda: self.page("/readyz") == "ok\n", 60, f"the gateway's readiness (its log: {self.log})")

    def stop(self) -> int:
        """SIGTERM, as the kubelet does it; answers the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    def kill(self) -> None:
        """End it without warning; nothing happens when it has ended already."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=30)

    def page(self, path: str) -> str:
        """A page of the health port; empty while there is none."""
        try:
            with urlopen(f"http://127.0.0.1:{self.ports['HEALTH']}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (URLError, ConnectionError):
            return ""

    def request(self, authority: str, method: str, path: str, content: Any = None, token: str = "") -> Reply:
        """One request over TLS that trusts `authority` (PEM) and expects the gateway's name in the cluster."""
        body = b"" if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with self.connected(authority, gateway_host(self.namespace)) as secured:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports["GATEWAY"])
            connection.sock = secured
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, json.loads(answer.read()))

    @contextmanager
    def connected(self, authority: str, name: str) -> Iterator[ssl.SSLSocket]:
        """A verified TLS connection; raises ssl.SSLCertVerificationError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authority)
        plain = socket.create_connection(("127.0.0.1", self.ports["GATEWAY"]), timeout=30)
        with plain, context.wrap_socket(plain, server_hostname=name) as secured:
            yield secured


@dataclass(frozen=True)
class World:
    """A system and a run namespace with a gateway; apps are pods and records that the tests write themselves."""

    kubectl: Kubectl
    gateway: GatewayProcess
    run: str

    @property
    def system(self) -> str:
        return self.gateway.namespace

    def authority(self) -> str:
        """The published certificate."""
        found = self.kubectl.get("configmap", "genapps-gateway-ca", self.system)
        return str(found["data"]["ca.crt"])

    def pod(self, app: str) -> str:
        """Make the app's ServiceAccount and (anew) its pod; answers the pod's uid."""
        child = child_name("tests", app)
        self.kubectl("delete", "pod", child, "-n", self.run, "--ignore-not-found", "--force", "--grace-period=0")
        metadata = {"name": child, "namespace": self.run}
        spec = {"serviceAccountName": child, "containers": [{"name": "runtime", "image": "localhost/none"}]}
        self.kubectl.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        )
        return str(self.kubectl.get("pod", child, self.run)["metadata"]["uid"])

    def token(self, app: str, pod_uid: str, audience: str = "genapps-gateway") -> str:
        """What the kubelet would project into that pod."""
        child = child_name("tests", app)
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={child}", f"--bound-object-uid={pod_uid}")
        return self.kubectl("create", "token", child, "-n", self.run, f"--audience={audience}", *bound).strip()

    def record(self, app: str, pod_uid: str, **changes: Any) -> None:
        """Write the app's AppRecord as the operator would."""
        child = child_name("tests", app)
        record = {
            "app": {"namespace": "tests", "name": app, "uid": "c0ffee"},
            "namespaceUid": "0ddba11",
            "owner": {"team": "tests"},
            "budget": "tests",
            "runNamespace": self.run,
            "tier": {"name": "small"},
            "violationPolicy": {"threshold": 3, "window": "10m"},
            "envelope": {"digest": "sha256:" + "a" * 64, "connectors": ["mail"]},
            "pod": {"namespace": self.run, "name": child, "uid": pod_uid},
        } | changes
        metadata = {"name": child, "namespace": self.system}
        manifest = {"apiVersion": "genapps.dev/v1alpha1", "kind": "AppRecord", "metadata": metadata, "record": record}
        self.kubectl.apply(manifest)

    def app(self, app: str) -> str:
        """An app with a pod and a record, which the gateway knows; answers its token."""
        uid = self.pod(app)
        self.record(app, uid)
        token = self.token(app, uid)
        until(lambda: self.heartbeat(token).status == 200, 30, "the gateway's knowledge of the record")
        return token

    def call(self, token: str, connector: str, request_id: str = "r1") -> Reply:
        content = {"requestId": request_id, "step": 0, "connector": connector, "tool": "get", "arguments": {}}
        return self.gateway.request(self.authority(), "POST", "/v1/calls", content, token)

    def heartbeat(self, token: str) -> Reply:
        return self.gateway.request(self.authority(), "POST", "/v1/heartbeat", {}, token)

    def violations(self, app: str) -> dict[str, Any]:
        """What the app's Ledger says now; empty when there is none."""
        found = self.kubectl.find("ledger", child_name("tests", app), self.system)
        return dict(found["record"]["violations"]) if found else {}


@contextmanager
def world(kubectl: Kubectl, node: Node, folder: Path) -> Iterator[World]:
    """Namespaces, the chart's rights for the gateway, and the gateway; all gone afterwards."""
    unique = uuid.uuid4().hex[:6]
    system, run = f"system-{unique}", f"run-{unique}"
    for name in (system, run, CREDENTIALS_NAMESPACE):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    kubectl.apply(*_rights(system), _budget(system))
    kubeconfig = folder / "gateway.kubeconfig"
    kubeconfig.write_text(_kubeconfig(node, kubectl("create", "token", "genapps-gateway", "-n", system).strip()))
    gateway = GatewayProcess(kubeconfig, folder / "gateway.log", system)
    try:
        gateway.start()
        yield World(kubectl, gateway, run)
    finally:
        gateway.kill()
        kubectl("delete", "namespace", system, run, "--wait=false", "--ignore-not-found")


def _budget(system: str) -> dict[str, Any]:
    """What the operator would publish of the apps' budget: nothing is limited."""
    record = {
        "budget": "tests",
        "uid": "b0d6e7",
        "period": "2026-11",
        "startsAt": "2026-11-01T00:00:00Z",
        "endsAt": "2026-12-01T00:00:00Z",
        "prices": {"version": "sha256:" + "0" * 64},
        "state": {"at": "2026-11-01T00:00:00Z"},
    }
    metadata = {"name": "tests", "namespace": system}
    return {"apiVersion": "genapps.dev/v1alpha1", "kind": "BudgetRecord", "metadata": metadata, "record": record}


def _rights(system: str) -> list[dict[str, Any]]:
    """What the chart grants the gateway, and nothing more: a missing right fails the tests."""
    rendered = helm.render({"image": _ANY_IMAGES}, namespace=system)
    ours = [one for one in rendered if one["metadata"]["name"].startswith(("genapps-gateway", CREDENTIALS_NAMESPACE))]
    return [one for one in ours if one["kind"] in _RIGHTS]


def _kubeconfig(node: Node, token: str) -> str:
    """The administrator's kubeconfig with another user."""
    content = yaml.safe_load(node.kubeconfig.read_text(encoding="utf-8"))
    for user in content["users"]:
        user["user"] = {"token": token}
    return yaml.safe_dump(content)


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
