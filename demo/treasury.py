# SPDX-License-Identifier: Apache-2.0
"""A service as companies have it, in a namespace of its own: what the connector `exchange-rates` leads to."""

from pathlib import Path

from demo.apps import Manifest
from demo.callers import manifest
from genapps.api.names import SERVICE_READER, SYSTEM_NAMESPACE
from tools.kubectl import Kubectl, as_list

NAMESPACE = "treasury"
SERVICE_PORT, POD_PORT = 80, 8000
PROGRAM = (Path(__file__).resolve().parent / "in_treasury.py").read_text(encoding="utf-8")


def start(kubectl: Kubectl, image: str) -> None:
    """The namespace, the Service `rates` and its pod, which the operator may look up; they may be there already."""
    labels = {"app": "rates"}
    pod = manifest(NAMESPACE, "rates", image)
    pod["metadata"]["labels"] = labels
    (container,) = pod["spec"]["containers"]
    container["command"] = ["python3", "-c", PROGRAM, str(POD_PORT)]
    container["readinessProbe"] = {"tcpSocket": {"port": POD_PORT}, "periodSeconds": 1}
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "rates", "namespace": NAMESPACE},
        "spec": {"selector": labels, "ports": [{"port": SERVICE_PORT, "targetPort": POD_PORT}]},
    }
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl("apply", "-f", "-", given=as_list((namespace, service, _let_the_operator_look())))
    if kubectl.find("pod", "rates", NAMESPACE) is None:
        kubectl("create", "-f", "-", given=as_list((pod,)))


def _let_the_operator_look() -> Manifest:
    """What the owner of a namespace allows, so that connectors can lead to its Services."""
    operator = {"kind": "ServiceAccount", "name": "genapps-operator", "namespace": SYSTEM_NAMESPACE}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": SERVICE_READER, "namespace": NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": SERVICE_READER},
        "subjects": [operator],
    }
