# SPDX-License-Identifier: Apache-2.0
"""A Service of a tenant's namespace that a connector may lead to: one pod that runs a few lines of Python."""

from demo import callers
from genapps.api.names import SERVICE_READER
from tests.support.apps import SYSTEM_NAMESPACE, Manifest
from tools.kubectl import Kubectl

PORT = 8000
"""On which the lines listen; the Service has port 80."""


def start_service(kubectl: Kubectl, namespace: str, name: str, source: str) -> None:
    """Pod, Service, and the operator's right to see which pods it has."""
    pod = callers.manifest(namespace, name, _image(kubectl))
    pod["metadata"]["labels"] = {"app": name}
    (container,) = pod["spec"]["containers"]
    container["command"] = ["python3", "-c", source]
    container["readinessProbe"] = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": PORT}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    kubectl.apply(pod, service, _let_the_operator_look(namespace))


def _image(kubectl: Kubectl) -> str:
    deployment = kubectl.get("deployment", "genapps-gateway", SYSTEM_NAMESPACE)
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _let_the_operator_look(namespace: str) -> Manifest:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": SERVICE_READER, "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": SERVICE_READER},
        "subjects": [{"kind": "ServiceAccount", "name": "genapps-operator", "namespace": SYSTEM_NAMESPACE}],
    }
