# SPDX-License-Identifier: Apache-2.0
"""`genapps fence-check`: what apps must not reach does answer, to a pod that no NetworkPolicy holds back.

The probe of an app takes silence for a policy. But a target that is gone is silent as well.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

CANARY_PORT = 8444
DNS_PORT = 53
CONNECT_SECONDS = 3.0
ATTEMPTS = 20
"""Policies and Services take effect shortly after a pod's start."""
RETRY_SECONDS = 1.0

_HOST_AND_PORT = re.compile(r"(?P<host>[a-z0-9.-]{1,253}):(?P<port>[0-9]{1,5})\Z")


@dataclass(frozen=True, slots=True)
class Target:
    """A TCP port that is reached where no policy is in the way."""

    what: str
    host: str
    port: int


def targets(environ: Mapping[str, str], resolv_conf: str, kubelet_port: int, internet: str) -> tuple[Target, ...]:
    """What to reach: addresses that Kubernetes has put into the pod's environment and its /etc/resolv.conf.

    `kubelet_port` 0 and an empty `internet` leave these two out. Raises ValueError for what is not told.
    """
    found = [
        Target("the gateway's canary port", _told(environ, "GATEWAY_SERVICE_HOST"), CANARY_PORT),
        Target("the API server", _told(environ, "KUBERNETES_SERVICE_HOST"), _api_server_port(environ)),
        Target("cluster DNS", _nameserver(resolv_conf), DNS_PORT),
    ]
    if kubelet_port:
        found.append(Target("the node's kubelet", _told(environ, "HOST_IP"), kubelet_port))
    if internet:
        named = _HOST_AND_PORT.match(internet)
        if named is None:
            raise ValueError(f"{internet[:300]!r} is not HOST:PORT")
        found.append(Target("the Internet", named["host"], int(named["port"])))
    return tuple(found)


def check(
    wanted: Sequence[Target],
    say: Callable[[str], None],
    attempts: int = ATTEMPTS,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Say of each target whether it answers, then what that means; the exit code: 0, or 1 when one is silent."""
    with ThreadPoolExecutor(len(wanted)) as pool:
        faults = list(pool.map(lambda target: _fault(target, attempts, pause), wanted))
    for target, fault in zip(wanted, faults, strict=True):
        said = f"{target.what}, {target.host} port {target.port}"
        say(f"FAILED: {said}: {fault}" if fault else f"reached: {said}")
    silent = [target.what for target, fault in zip(wanted, faults, strict=True) if fault]
    if silent:
        say(f"FAILED: {', '.join(silent)}: silent to a pod without a fence, too.")
        say("That an app does not reach this proves nothing about NetworkPolicies until it is repaired.")
        return 1
    say("All that apps must not reach answers: where it is silent to an app, a policy is the cause.")
    return 0


def _fault(target: Target, attempts: int, pause: Callable[[float], None]) -> str:
    """Why no attempt made a connection; empty as soon as one did."""
    fault = ""
    for attempt in range(attempts):
        if attempt:
            pause(RETRY_SECONDS)
        try:
            socket.create_connection((target.host, target.port), CONNECT_SECONDS).close()
        except OSError as error:
            fault = str(error) or type(error).__name__
        else:
            return ""
    return fault


def _told(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise ValueError(f"{name} is not set: the command is for the pod of the chart's CronJob")
    return value


def _api_server_port(environ: Mapping[str, str]) -> int:
    return int(_told(environ, "KUBERNETES_SERVICE_PORT"))


def _nameserver(resolv_conf: str) -> str:
    lines = (line.split() for line in resolv_conf.splitlines())
    servers = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    if not servers:
        raise ValueError("/etc/resolv.conf names no nameserver")
    return servers[0]
