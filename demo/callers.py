# SPDX-License-Identifier: Apache-2.0
"""The demo's own pods: one in the apps' namespace that may call them, one in a foreign namespace that may not."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.terminal import SceneError
from tools.kubectl import Kubectl, KubectlError, as_list

CLIENT = (Path(__file__).resolve().parent / "in_pod.py").read_text(encoding="utf-8")
Manifest = dict[str, Any]

HOME, ABROAD = "finance", "sales"
LISTENING_PORT = 8000
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a request: a status and body, or the error that prevented it."""

    status: int | None
    body: str
    error: str
    headers: dict[str, str] = field(default_factory=dict)
    """By names in lower case."""

    def shown(self) -> str:
        """For the terminal: status and body, or the reason why there is neither."""
        return f"{self.status}\n{self.body.strip()}" if self.status else f"no connection: {self.error}"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod in which commands can be run."""

    kubectl: Kubectl
    namespace: str
    name: str

    def request(
        self, method: str, url: str, headers: dict[str, str], body: str | None, authority: str | None = None
    ) -> Reply:
        """Make one HTTP request from the pod; `authority` (PEM) is the one to trust with https."""
        asked = {"method": method, "url": url, "headers": headers, "body": body, "authority": authority}
        made = self._run({"request": asked})
        return Reply(made.get("status"), made.get("body", ""), made.get("error", ""), made.get("headers", {}))

    def dial(self, targets: dict[str, tuple[str, int]]) -> dict[str, bool]:
        """Which of the TCP connections (name: host, port) succeed from the pod."""
        return {name: result == "open" for name, result in self._run({"dial": targets}).items()}

    def _run(self, task: dict[str, Any]) -> dict[str, Any]:
        words = ("exec", "-n", self.namespace, self.name, "--", "python3", "-c", CLIENT, json.dumps(task))
        result: dict[str, Any] = json.loads(self.kubectl(*words))
        return result


def start(kubectl: Kubectl, image: str) -> tuple[Pod, Pod]:
    """Both pods, starting: the caller in the apps' namespace and the stranger in another one."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ABROAD}}
    kubectl("apply", "-f", "-", given=as_list((namespace,)))
    pods = (Pod(kubectl, HOME, "caller"), Pod(kubectl, ABROAD, "stranger"))
    # Those of an earlier run do as well, whatever their image.
    missing = [pod for pod in pods if kubectl.find("pod", pod.name, pod.namespace) is None]
    if missing:
        kubectl("create", "-f", "-", given=as_list(tuple(manifest(pod.namespace, pod.name, image) for pod in missing)))
    return pods


def until_ready(*pods: Pod) -> None:
    """Wait for the pods; SceneError when one does not start."""
    for pod in pods:
        where = ("-n", pod.namespace)
        try:
            pod.kubectl("wait", "--for=condition=Ready", *where, f"pod/{pod.name}", f"--timeout={START_SECONDS}s")
        except KubectlError as error:
            raise SceneError(f"the pod does not start: kubectl describe pod -n {pod.namespace} {pod.name}") from error


def manifest(namespace: str, name: str, image: str) -> Manifest:
    """A pod with Python and a web server on LISTENING_PORT, under restricted Pod Security."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "demo"}},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "caller",
                    "image": image,
                    # A web server of its own, so that there is something to reach.
                    "command": ["python3", "-m", "http.server", "--directory", "/tmp", str(LISTENING_PORT)],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "resources": {"limits": {"memory": "128Mi"}},
                }
            ],
        },
    }
