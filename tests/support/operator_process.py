# SPDX-License-Identifier: Apache-2.0
"""The operator as a process of this machine against a cluster, with namespaces of its own, for tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from genapps.api.names import child_name
from tools.kubectl import Kubectl, as_list, condition, until
from tools.node import Node

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_ROOT = Path(__file__).resolve().parents[2]
SKEW = "TESTS_SKEW_SECONDS"
"""Environment variable: so many seconds the operator's clock is ahead."""
USER_AGENT = "genapps-operator"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nfor-tests\n-----END CERTIFICATE-----\n"


@dataclass
class OperatorProcess:
    """One operator for one system and one run namespace. Pods are created before their claims are bound, because
    a cluster without kubelet binds none."""

    kubeconfig: Path
    log: Path
    system_namespace: str
    run_namespace: str
    environment: dict[str, str] = field(default_factory=dict)
    identity: str = "first"
    """Its name among the candidates for the Lease, kept over restarts as a pod keeps it, so that none has to wait."""
    _process: subprocess.Popen[bytes] | None = None
    _port: int = 0

    def start(self) -> None:
        """Start it and wait until it leads."""
        self.launch()
        until(self.leads, 60, "the operator's leadership")

    def launch(self) -> None:
        """Start it without waiting for anything."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(self.kubeconfig),
            "GENAPPS_SYSTEM_NAMESPACE": self.system_namespace,
            "GENAPPS_RUN_NAMESPACES": self.run_namespace,
            "GENAPPS_RUNTIME_IMAGE": "localhost/genapps-runtime:test",
            "GENAPPS_WAIT_FOR_FIRST_CONSUMER": "true",
            "GENAPPS_SWEEP_SECONDS": "1",
            "GENAPPS_HEALTH_PORT": str(self._port),
            "GENAPPS_IDENTITY": self.identity,
            **self.environment,
        }
        command = [str(Path(sys.executable).with_name("genapps")), "operator"]
        if SKEW in self.environment:
            command = [sys.executable, "-m", "tests.support.skewed_operator"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=log, stderr=log)

    def leads(self) -> bool:
        return self.metric("leader_election_master_status") == 1

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def ended(self) -> int | None:
        """The exit code; None while it runs."""
        assert self._process is not None
        return self._process.poll()

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

    def get(self, path: str) -> str:
        """The body of a page of its health port; empty when there is no answer yet."""
        try:
            with urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except HTTPError as refused:
            return str(refused.read().decode())
        except (URLError, ConnectionError):
            return ""

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 while it does not exist."""
        lines = [line for line in self.get("/metrics").splitlines() if line.split("{")[0].split(" ")[0] == name]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def idle(self) -> bool:
        """Nothing in line and nobody at work."""
        page = self.get("/metrics")
        return (
            bool(page) and not self.metric("workqueue_depth") and not self.metric("controller_runtime_active_workers")
        )


@dataclass(frozen=True)
class World:
    """One tenant namespace with its budget, and the operator that serves it."""

    kubectl: Kubectl
    operator: OperatorProcess
    namespace: str
    audit: Path
    """The API server's audit log."""

    @property
    def run(self) -> str:
        return self.operator.run_namespace

    @property
    def system(self) -> str:
        return self.operator.system_namespace

    def child(self, app: str) -> str:
        return child_name(self.namespace, app)

    def app(self, name: str, **spec: Any) -> dict[str, Any]:
        """A GeneratedApp; `spec` adds to or takes the place of what every app needs."""
        return {
            "apiVersion": "genapps.dev/v1alpha1",
            "kind": "GeneratedApp",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "envelope": {"owner": {"team": "tests"}, "riskClass": "low"},
                "code": {"language": "python", "source": {"inline": f"# {name}\n"}},
                "tier": "small",
                "budget": self.namespace,
                **spec,
            },
        }

    def get(self, app: str) -> dict[str, Any]:
        return self.kubectl.get("gapp", app, self.namespace)

    def find(self, kind: str, app: str) -> dict[str, Any] | None:
        """An app's child of that kind in the run namespace."""
        return self.kubectl.find(kind, self.child(app), self.run)

    def record(self, app: str) -> dict[str, Any] | None:
        found = self.kubectl.find("apprecord", self.child(app), self.system)
        return found["record"] if found else None

    def snapshots(self, app: str) -> list[str]:
        names = [item["metadata"]["name"] for item in self.kubectl.items("configmap", "-n", self.run)]
        return sorted(name for name in names if name.startswith(f"{self.child(app)}-"))

    def apply(self, *apps: dict[str, Any]) -> None:
        """Apply apps and wait until each has been judged at its present generation."""
        self.kubectl.apply(*apps)
        for app in apps:
            self.until_judged(app["metadata"]["name"])

    def until_judged(self, app: str) -> dict[str, Any]:
        def judged() -> dict[str, Any] | None:
            live = self.get(app)
            same = live.get("status", {}).get("observedGeneration") == live["metadata"]["generation"]
            return live if same else None

        found = until(judged, 30, f"a status of {app} at its generation")
        assert found is not None
        return found

    def started(self, app: str, **spec: Any) -> str:
        """Apply an app and let its pod be ready; the uid of the pod."""
        self.apply(self.app(app, **spec))
        pod = self.until_pod(app)
        self.make_ready(app)
        self.until_condition(app, "Ready", "True", "Available")
        return str(pod["metadata"]["uid"])

    def until_condition(self, app: str, kind: str, status: str, reason: str) -> dict[str, Any]:
        """Wait for a condition; answers it."""

        def holds() -> dict[str, Any] | None:
            found = condition(self.get(app), kind)
            return found if (found.get("status"), found.get("reason")) == (status, reason) else None

        found = until(holds, 30, f"{kind}={status}/{reason} of {app} (now {self.get(app).get('status')})")
        assert found is not None
        return found

    def until_pod(self, app: str, other_than: str = "") -> dict[str, Any]:
        """Wait for a pod (with another uid) that is not on its way out; answers it."""

        def there() -> dict[str, Any] | None:
            pod = self.find("pod", app)
            return pod if pod and pod["metadata"]["uid"] != other_than and not _ending(pod) else None

        found = until(there, 30, f"a pod of {app}")
        assert found is not None
        return found

    def make_ready(self, app: str, address: str = "10.9.8.7") -> None:
        """Say of the pod what a kubelet would say of a running one."""
        status = {"phase": "Running", "podIP": address, "conditions": [{"type": "Ready", "status": "True"}]}
        self.edit_status("pod", self.child(app), status)

    def edit(self, kind: str, name: str, patch: dict[str, Any], kind_of_patch: str = "merge") -> None:
        """Change an object of the run namespace as somebody else would."""
        self.kubectl("patch", kind, name, "-n", self.run, f"--type={kind_of_patch}", "-p", json.dumps(patch))

    def edit_status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        """Say of an object of the run namespace what a kubelet or a controller would say."""
        patch = json.dumps({"status": status})
        self.kubectl("patch", kind, name, "-n", self.run, "--subresource=status", "--type=merge", "-p", patch)

    def writes(self, by: str = "") -> list[tuple[str, str, str]]:
        """Every write of the operator (the one with that identity, or any) that the API server has seen in these
        namespaces, and to this world's budget, in order: verb, resource (with subresource), name. The Lease is left
        out. All tests of a node share its audit log, and operators of several tests have the same identity."""
        ours = {self.namespace, self.run, self.system}
        found = []
        for line in self.audit.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            about = event.get("objectRef", {})
            if event["verb"] not in _WRITES or not event.get("userAgent", "").startswith(USER_AGENT):
                continue
            if by and f"({by})" not in event["userAgent"]:
                continue
            if about["resource"] in ("leases", "selfsubjectaccessreviews"):
                continue
            if about.get("namespace", "") in ours or about.get("name", "") == self.namespace:
                resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
                found.append((event["verb"], resource, about.get("name", "")))
        return found

    def uid(self, kind: str, app: str) -> str:
        found = self.find(kind, app)
        return str(found["metadata"]["uid"]) if found else ""


@contextmanager
def world(kubectl: Kubectl, node: Node, log: Path, **environment: str) -> Iterator[World]:
    """Namespaces, budget and the gateway's traces, with an operator that runs; all gone afterwards."""
    unique = uuid.uuid4().hex[:6]
    system, run, tenant = (f"{part}-{unique}" for part in ("system", "run", "tenant"))
    operator = OperatorProcess(node.kubeconfig, log, system, run, environment)
    kubectl.apply(
        *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (system, tenant)),
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": run, "labels": {"genapps.dev/run-namespace": "true"}},
        },
        budget(tenant, run),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "gateway", "namespace": system},
            "spec": {"ports": [{"name": "https", "port": 8443}]},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "genapps-gateway-ca", "namespace": system},
            "data": {"ca.crt": AUTHORITY},
        },
    )
    try:
        operator.start()
        yield World(kubectl, operator, tenant, node.logs / "audit.log")
    finally:
        operator.kill()
        let_records_go(kubectl, system)
        # One request for all of them; an operator of another test must not find them.
        kubectl("delete", "--raw", f"/apis/genapps.dev/v1alpha1/namespaces/{tenant}/generatedapps")
        kubectl("delete", "appbudget", tenant, "--ignore-not-found")
        kubectl("delete", "namespace", system, run, tenant, "--wait=false", "--ignore-not-found")


def let_records_go(kubectl: Kubectl, namespace: str) -> None:
    """Without an operator nobody else takes their finalizer away."""
    records = kubectl.items("apprecord", "-n", namespace)
    for record in records:
        record["metadata"].pop("finalizers", None)
    if records:
        kubectl("replace", "-f", "-", given=as_list(tuple(records)))


def budget(name: str, run_namespace: str) -> dict[str, Any]:
    """An AppBudget for the namespace of its own name."""
    return {
        "apiVersion": "genapps.dev/v1alpha1",
        "kind": "AppBudget",
        "metadata": {"name": name},
        "spec": {
            "businessUnit": "tests",
            "namespaces": [name],
            "runNamespace": run_namespace,
            "tiers": {"small": {"state": {"claim": "64Mi", "perTenant": "16Mi"}}},
            "policy": {"maxApps": 1000, "violations": {"threshold": 3, "window": "10m"}},
        },
    }


def _ending(object_: dict[str, Any]) -> bool:
    return "deletionTimestamp" in object_["metadata"]
