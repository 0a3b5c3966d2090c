# SPDX-License-Identifier: Apache-2.0
"""The load generator as a pod in the apps' own namespace: the app's policy admits it, and its path is a user's path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.apps import NAMESPACE, Manifest
from bench.cores import generator_core, pin
from bench.load.generator import Generator, connected
from bench.memory import pids_of_pod
from bench.processes import accepts, until
from tools.kubectl import Kubectl

_NAME = "bench-caller"
_PORT = 9000
_LOAD = Path(__file__).resolve().parents[1] / "load"
# Not the asking side: it imports what a pod has not.
_FILES = ("agent.py", "closed_loop.py", "job.py", "response.py")


def manifests(image: str) -> list[Manifest]:
    """The generator's files as a ConfigMap, mounted as the package that they are here."""
    metadata = {"name": _NAME, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {name: (_LOAD / name).read_text(encoding="utf-8") for name in _FILES},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _pod(image)},
    ]


def _pod(image: str) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "caller",
                "image": image,
                "command": ["python3", "-m", "bench.load.agent", "--host", "0.0.0.0", "--port", str(_PORT)],
                "workingDir": "/opt/bench",
                "env": [{"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
                "volumeMounts": [{"name": "load", "mountPath": "/opt/bench/bench/load", "readOnly": True}],
            }
        ],
        "volumes": [{"name": "load", "configMap": {"name": _NAME}}],
    }


@asynccontextmanager
async def caller(kubectl: Kubectl, image: str) -> AsyncIterator[Generator]:
    """The pod as a generator, on the generator's core. It ends with its namespace."""
    kubectl.apply(*manifests(image))
    kubectl("wait", "--for=condition=Ready", f"pod/{_NAME}", "--namespace", NAMESPACE, "--timeout=100s")
    pod = kubectl.get("pod", _NAME, NAMESPACE)
    address = pod["status"]["podIP"]
    await until(lambda: accepts(address, _PORT), f"the caller's pod listens on {address}:{_PORT}")
    pin(pids_of_pod(pod["metadata"]["uid"]), generator_core())
    async with connected(address, _PORT) as generator:
        yield generator
