# SPDX-License-Identifier: Apache-2.0
"""A scene about the one secret in an app's pod: somebody has its token, and tries what it is good for."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from demo import apps
from demo.callers import HOME, Pod, Reply
from demo.outside import APP, CONNECTOR
from demo.terminal import SceneError, Terminal
from genapps.api.names import GATEWAY_CA_CONFIGMAP, GATEWAY_CA_KEY, SYSTEM_NAMESPACE, gateway_host
from tools.kubectl import Kubectl

TOKEN_FILE = "/var/run/secrets/genapps/token"
API_SERVER = f"https://kubernetes.default.svc:443/api/v1/namespaces/{HOME}/pods"
GATEWAY = f"https://{gateway_host(SYSTEM_NAMESPACE)}:8443/v1/calls"
CALL = {"requestId": "stolen", "step": 1, "connector": CONNECTOR, "tool": "latest", "arguments": {"currency": "EUR"}}
ACCEPTED_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Stolen:
    """The answers to whoever has the token."""

    from_elsewhere: Reply
    at_api_server: Reply
    inside: Reply
    after_replacement: Reply


def try_a_stolen_token(terminal: Terminal, kubectl: Kubectl, caller: Pod, another_app: str) -> Stolen:
    """The token of an app's pod is used from an ordinary pod, at the API server, and from inside another app's pod,
    before and after the pod that it belongs to was replaced."""
    terminal.scene(f"The token in the pod of {APP} is stolen")
    victim, thief = (_pod(kubectl, name) for name in (APP, another_app))
    token = _read_token(terminal, kubectl, victim)
    gateway_ca = _authority(kubectl, GATEWAY_CA_CONFIGMAP, SYSTEM_NAMESPACE, GATEWAY_CA_KEY)
    api_ca = _authority(kubectl, "kube-root-ca.crt", HOME, "ca.crt")
    with ThreadPoolExecutor(3) as pool:
        elsewhere = pool.submit(_call, caller, token, gateway_ca)
        at_api = pool.submit(caller.request, "GET", API_SERVER, _bearer(token), None, api_ca)
        within = pool.submit(_call, thief, token, gateway_ca)
    _expect(terminal, f"from {HOME}/caller to the gateway", elsewhere.result(), None)
    _expect(terminal, f"from {HOME}/caller to the API server, which it is not for", at_api.result(), 401)
    terminal.say(
        f"Whoever has broken into the pod of {another_app} reaches the gateway. There the token does what {APP} was "
        "granted and nothing else, and only while that pod lives:"
    )
    _expect(terminal, f"from the pod of {another_app} to the gateway", within.result(), 200)
    words = ["delete", "pod", "-n", apps.RUN_NAMESPACE, victim.name, "--wait=false"]
    terminal.command(["kubectl", *words])
    kubectl(*words)
    replaced = _until_refused(thief, token, gateway_ca)
    _expect(terminal, f"from the pod of {another_app} to the gateway", replaced, 401)
    apps.until(kubectl, APP, apps.ready, apps.READY_SECONDS, "Ready again")
    terminal.good(f"{APP} is Ready again, with a token of its own")
    return Stolen(elsewhere.result(), at_api.result(), within.result(), replaced)


def _pod(kubectl: Kubectl, app: str) -> Pod:
    name = apps.child(kubectl, app, "pods")[0]["metadata"]["name"]
    return Pod(kubectl, apps.RUN_NAMESPACE, name)


def _read_token(terminal: Terminal, kubectl: Kubectl, victim: Pod) -> str:
    words = ["exec", "-n", victim.namespace, victim.name, "--", "cat", TOKEN_FILE]
    terminal.command(["kubectl", *words])
    token = kubectl(*words).strip()
    terminal.output(f"{token[:24]}... ({len(token)} characters)")
    return token


def _authority(kubectl: Kubectl, name: str, namespace: str, key: str) -> str:
    return str(kubectl.get("configmap", name, namespace)["data"][key])


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _call(thief: Pod, token: str, authority: str) -> Reply:
    headers = {**_bearer(token), "Content-Type": "application/json"}
    return thief.request("POST", GATEWAY, headers, json.dumps(CALL), authority)


def _until_refused(thief: Pod, token: str, authority: str) -> Reply:
    """The gateway's answer once it knows that the pod was replaced; until then it is one to the app."""
    deadline = time.monotonic() + ACCEPTED_SECONDS
    while (reply := _call(thief, token, authority)).status == 200 and time.monotonic() < deadline:
        time.sleep(apps.POLL_SECONDS)
    return reply


def _expect(terminal: Terminal, what: str, reply: Reply, status: int | None) -> None:
    terminal.good(what)
    terminal.excerpt(reply.shown())
    if reply.status != status:
        raise SceneError(f"{what}: the answer to the stolen token should have been {status or 'none'}")
