# SPDX-License-Identifier: Apache-2.0
"""The floor under every start: what Kubernetes itself needs for a pod of the same image with the same mounts."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bench.apps import NAMESPACE, Manifest
from bench.cluster.platform import Platform
from bench.load.job import Answer
from bench.processes import until
from genapps.api.names import APP_PORT, HEALTH_PORT, RUN_NAMESPACE
from genapps.cluster.resources import CLAIM, CONFIG_MAP, POD, Object

_NAME = "bench-floor"
# Listens on the ports that the app's probes and callers use, and answers everything with 200. Not http.server: that
# asks DNS for its own name, and these pods have no DNS.
_SERVER = f"""\
import socketserver, threading
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline() not in (b"", b"\\r\\n"):
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nconnection: close\\r\\ncontent-length: 0\\r\\n\\r\\n")
socketserver.TCPServer.allow_reuse_address = True
health = socketserver.TCPServer(("", {HEALTH_PORT}), Handler)
threading.Thread(target=health.serve_forever, daemon=True).start()
socketserver.TCPServer(("", {APP_PORT}), Handler).serve_forever()
"""


class Floor:
    """Bare pods like one app's, one at a time. The claim is there and bound beforehand: this floor is the pod's."""

    def __init__(self, platform: Platform, pod: Manifest) -> None:
        self._platform = platform
        self._pod = pod

    async def start(self) -> float:
        """Seconds from creating the pod until it is Ready and has answered; it is gone again afterwards."""
        platform = self._platform
        created = time.time()
        stored = await platform.client.create(self._pod)
        pod = await platform.awaited(POD, stored, "Ready")
        answer = await platform.generator.answer(Answer(pod["status"]["podIP"], APP_PORT))
        platform.kubectl("delete", "pod", _NAME, f"--namespace={NAMESPACE}", "--grace-period=1", "--timeout=60s")
        return answer.at - created


async def floor(platform: Platform, child: str) -> Floor:
    """Bare pods like that app's pod, in the bench's namespace, where no policy stands between caller and pod."""
    like = await platform.app_pod(child)
    claim = await platform.client.get(CLAIM, RUN_NAMESPACE, child)
    copies = [await platform.client.get(CONFIG_MAP, RUN_NAMESPACE, name) for name in _configmaps(like)]
    platform.kubectl.apply(*map(_configmap, copies), _claim(claim))
    await until(lambda: _bound(platform), "the floor's claim is bound")
    return Floor(platform, pod_like(like))


def pod_like(like: Object) -> Manifest:
    """The same image, mounts, resources and probes, with the smallest server in place of the runtime."""
    spec = {key: value for key, value in like["spec"].items() if key not in _PLACED}
    container = {key: value for key, value in spec["containers"][0].items() if key not in {"args", "command"}}
    container |= {"command": ["python3", "-c", _SERVER]}
    spec["containers"] = [container]
    spec["volumes"] = [_volume(volume) for volume in spec["volumes"]]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _NAME, "namespace": NAMESPACE}, "spec": spec}


# What scheduling and admission have added, and the app's own identity.
_PLACED = {"nodeName", "serviceAccount", "serviceAccountName", "tolerations", "priority", "preemptionPolicy"}


def _volume(volume: Mapping[str, object]) -> Manifest:
    if "persistentVolumeClaim" in volume:
        return {"name": volume["name"], "persistentVolumeClaim": {"claimName": _NAME}}
    return dict(volume)


def _configmaps(pod: Object) -> list[str]:
    return [volume["configMap"]["name"] for volume in pod["spec"]["volumes"] if "configMap" in volume]


def _configmap(original: Object) -> Manifest:
    metadata = {"name": original["metadata"]["name"], "namespace": NAMESPACE}
    content: Manifest = {key: original[key] for key in ("data", "binaryData") if key in original}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **content}


def _claim(original: Object) -> Manifest:
    spec = {key: original["spec"][key] for key in ("accessModes", "resources", "storageClassName")}
    metadata = {"name": _NAME, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


async def _bound(platform: Platform) -> bool:
    return bool((await platform.client.get(CLAIM, NAMESPACE, _NAME))["status"].get("phase") == "Bound")
