# SPDX-License-Identifier: Apache-2.0
"""Ways in which a gateway of the local node is lost: killed, deleted, hung, or cut off from the network. Each returns
when the gateway is gone, or has been gone and may come back; `meanwhile` is called while it hangs or is cut off, when
no new connection is sent to it any more."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.support.apps import SYSTEM_NAMESPACE, Manifest
from tools.kubectl import Kubectl, condition, until

Meanwhile = Callable[[], object]
Loss = Callable[[Kubectl, Manifest, Meanwhile], None]

_GATEWAYS = "app.kubernetes.io/component=gateway"
_SECONDS = 90
_SILENCE = """
table inet lost {
  chain in { type filter hook input priority -300; policy drop; }
  chain out { type filter hook output priority -300; policy drop; }
}
"""
"""Packets are dropped, and nothing is refused, as where a machine or its network is gone."""


def pods(kubectl: Kubectl) -> list[Manifest]:
    """All pods of gateways."""
    return kubectl.items("pods", "-n", SYSTEM_NAMESPACE, "-l", _GATEWAYS)


def gateways(kubectl: Kubectl) -> list[Manifest]:
    """The pods that are ready and not about to end."""
    return [
        pod
        for pod in pods(kubectl)
        if "deletionTimestamp" not in pod["metadata"] and condition(pod, "Ready").get("status") == "True"
    ]


def restarts(pod: Manifest) -> int:
    """How often its containers have begun anew."""
    return sum(container["restartCount"] for container in pod["status"]["containerStatuses"])


def kill(kubectl: Kubectl, pod: Manifest, _: Meanwhile) -> None:
    """End its process without warning."""
    os.kill(_process(pod), signal.SIGKILL)
    until(partial(_is_made_up_for, kubectl, pod), _SECONDS, "two gateways again")


def delete(kubectl: Kubectl, pod: Manifest, _: Meanwhile) -> None:
    """The same for the pod, which another one replaces."""
    kubectl("delete", "pod", pod["metadata"]["name"], "-n", SYSTEM_NAMESPACE, "--grace-period=0", "--force")
    until(partial(_is_made_up_for, kubectl, pod), _SECONDS, "two gateways again")


def hang(kubectl: Kubectl, pod: Manifest, meanwhile: Meanwhile) -> None:
    """Stop its process, whose kernel goes on to take connections and what comes on them."""
    process = _process(pod)
    os.kill(process, signal.SIGSTOP)
    try:
        _until_out(kubectl, pod)
        meanwhile()
    finally:
        os.kill(process, signal.SIGCONT)
    until(lambda: len(gateways(kubectl)) == 2, _SECONDS, "two gateways again")


def cut_off(kubectl: Kubectl, pod: Manifest, meanwhile: Meanwhile) -> None:
    """Drop all packets to it and from it."""
    with _silent(_process(pod)):
        _until_out(kubectl, pod)
        meanwhile()
    until(lambda: len(gateways(kubectl)) == 2, _SECONDS, "two gateways again")


def _until_out(kubectl: Kubectl, pod: Manifest) -> None:
    address = pod["status"]["podIP"]

    def out() -> bool:
        slices = kubectl.items(
            "endpointslices", "-n", SYSTEM_NAMESPACE, "-l", "kubernetes.io/service-name=genapps-gateway"
        )
        return not any(
            address in endpoint["addresses"] and endpoint["conditions"]["ready"]
            for each in slices
            for endpoint in each["endpoints"] or ()
        )

    until(out, _SECONDS, "the gateway to leave its Service")


def _process(pod: Manifest) -> int:
    uid = pod["metadata"]["uid"]
    places = uid, uid.replace("-", "_")
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().split(b"\0") if process.name.isdecimal() else []
            if b"gateway" in words and any(place in (process / "cgroup").read_text() for place in places):
                return int(process.name)
        except OSError:
            continue
    raise AssertionError(f"no process of pod {pod['metadata']['name']}")


@contextmanager
def _silent(process: int) -> Iterator[None]:
    enter = ("nsenter", f"--target={process}", "--net", "nft")
    subprocess.run([*enter, "-f", "-"], input=_SILENCE, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*enter, "delete", "table", "inet", "lost"], check=True)


def _is_made_up_for(kubectl: Kubectl, ended: Manifest) -> bool:
    """Two are ready, and the one that ended is none of them unless it has restarted."""
    found = gateways(kubectl)
    return len(found) == 2 and not any(
        pod["metadata"]["uid"] == ended["metadata"]["uid"] and restarts(pod) == restarts(ended) for pod in found
    )
