# SPDX-License-Identifier: Apache-2.0
"""Services as companies have them, each in a namespace of its own: what the connectors of the demo lead to."""

from dataclasses import dataclass
from pathlib import Path

from demo.apps import Manifest
from demo.callers import manifest
from genapps.api.names import SERVICE_READER, SYSTEM_NAMESPACE
from tools.kubectl import Kubectl, as_list

SERVICE_PORT, POD_PORT = 80, 8000


@dataclass(frozen=True, slots=True)
class Upstream:
    """A Service `name` with one pod, which runs a file of this folder."""

    namespace: str
    name: str
    file: str


RATES = Upstream("treasury", "rates", "in_treasury.py")
MODEL = Upstream("models", "chat", "in_model.py")
NOTES = Upstream("notes", "notes", "in_notes.py")
ALL = (RATES, MODEL, NOTES)


def start(kubectl: Kubectl, image: str) -> None:
    """All of them, which the operator may look up; they may be there already."""
    parts = [part for each in ALL for part in (_namespace(each), _service(each), _let_the_operator_look(each))]
    kubectl("apply", "-f", "-", given=as_list(tuple(parts)))
    for each in ALL:
        if kubectl.find("pod", each.name, each.namespace) is None:
            kubectl("create", "-f", "-", given=as_list((_pod(each, image),)))


def _namespace(upstream: Upstream) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": upstream.namespace}}


def _pod(upstream: Upstream, image: str) -> Manifest:
    pod = manifest(upstream.namespace, upstream.name, image)
    pod["metadata"]["labels"] = {"app": upstream.name}
    (container,) = pod["spec"]["containers"]
    program = (Path(__file__).resolve().parent / upstream.file).read_text(encoding="utf-8")
    container["command"] = ["python3", "-c", program, str(POD_PORT)]
    container["readinessProbe"] = {"tcpSocket": {"port": POD_PORT}, "periodSeconds": 1}
    return pod


def _service(upstream: Upstream) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": upstream.name, "namespace": upstream.namespace},
        "spec": {"selector": {"app": upstream.name}, "ports": [{"port": SERVICE_PORT, "targetPort": POD_PORT}]},
    }


def _let_the_operator_look(upstream: Upstream) -> Manifest:
    """What the owner of a namespace allows, so that connectors can lead to its Services."""
    operator = {"kind": "ServiceAccount", "name": "genapps-operator", "namespace": SYSTEM_NAMESPACE}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": SERVICE_READER, "namespace": upstream.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": SERVICE_READER},
        "subjects": [operator],
    }
