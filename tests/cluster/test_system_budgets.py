# SPDX-License-Identifier: Apache-2.0
"""Limits on the whole system: of 500 requests at the same moment, at two gateways, exactly what is left is paid."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo.callers import Pod
from genapps.api.names import budget_ledger
from tests.support.apps import SYSTEM_NAMESPACE, Manifest, app, ready
from tests.support.crowd import crowd
from tests.support.services import start_service
from tools.kubectl import Kubectl, until

CROWD = 500
SPENDING = """
    from genapps import app, tools, ToolError

    @app.post("/work")
    async def work(request):
        return {"code": "ok"}

    @app.post("/free")
    async def free(request):
        return await told("shop", "free")

    @app.post("/dear")
    async def dear(request):
        return await told("shop", "dear")

    @app.post("/chat")
    async def chat(request):
        return await told("chat", "chat", messages=[{"role": "user", "content": "How much is left?"}])

    async def told(connector, tool, **arguments):
        try:
            await tools.call(connector, tool, **arguments)
        except ToolError as error:
            return {"code": error.code}
        return {"code": "ok"}
"""
# Its model does not say what an answer used: so each costs the most that it can.
SHOP = """
import json, threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
asked, lock = Counter(), threading.Lock()
class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        size = int(self.headers.get("content-length", 0))
        self.rfile.read(size)
        with lock:
            asked[self.path.rpartition("/")[2]] += 1
            if self.path.endswith("completions"):
                asked["bytes"] = size
        self.answer({"choices": [{"index": 0, "message": {"role": "assistant", "content": "2"}}]})
    def do_GET(self):
        self.answer(asked)
    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("", 8000), Shop).serve_forever()
"""
QUESTION = {
    "messages": [{"role": "user", "content": "How much is left?"}],
    "model": "small-1",
    "max_tokens": 100,
}
BYTES = len(json.dumps(QUESTION, separators=(",", ":")))
TOKENS = BYTES + 256 + 100
"""What one question sets aside: a token for each byte, those of the server's template, and the longest answer."""
TIER: dict[str, Any] = {
    "guestMemory": "64Mi",
    "cpu": "1",
    "cpuMillisPerAction": 1000,
    "callsPerMinute": 100_000,
    "concurrency": 16,
    "napAfter": "0s",
    "state": {"claim": "64Mi", "perTenant": "16Mi"},
}
LIMITS = {
    "callsPerMinute": 1_000_000,
    "concurrency": 10_000,
    "perApp": {"callsPerMinute": 100_000, "concurrency": 1000},
}


@dataclass(frozen=True)
class Shop:
    """A namespace with the shop and a caller; its budget has the name of the namespace."""

    kubectl: Kubectl
    tenant: str
    caller: Pod

    def app(self, name: str, **spec: Any) -> Manifest:
        """A ready app that can spend. Its actions have a minute: a crowd on a busy machine takes more than a few
        seconds."""
        envelope = {"connectors": ["shop", "chat"]}
        return ready(self.kubectl, app(name, self.tenant, SPENDING, envelope=envelope, workloadClass="batch", **spec))

    def limit(self, **limits: Any) -> None:
        """The budget has these limits and no others."""
        change = [{"op": "add", "path": "/spec/limits", "value": limits}]
        self.kubectl("patch", "appbudget", self.tenant, "--type=json", "-p", json.dumps(change))

    def paid(self, spender: Manifest, path: str) -> int:
        """How many requests were answered when crowds came from before the limit was known until nothing was left."""
        told: Counter[str] = Counter()

        def some() -> bool:
            told.update(crowd(self.caller, spender, path, CROWD))
            return told["ok"] > 0

        until(some, 90, f"the limit for {path}")
        told.update(crowd(self.caller, spender, path, CROWD))
        assert set(told) == {"ok", "BudgetExhausted"}, told
        return told["ok"]

    def asked(self) -> Counter[str]:
        """How often the shop was asked for what, and how long the last question was in `bytes`."""
        url = f"http://{self.kubectl.get('service', 'shop', self.tenant)['spec']['clusterIP']}/"
        return Counter(json.loads(self.caller.request("GET", url, {}, None).body))

    def committed(self, unit: str) -> int:
        """What the Ledger of the budget says is spent or leased."""
        account = self.kubectl.get("ledger", budget_ledger(self.tenant), SYSTEM_NAMESPACE)["record"]["account"]
        amounts = [account.get("spent", {}), *(lease.get("amounts", {}) for lease in account.get("leases", []))]
        return sum(each.get(unit, 0) for each in amounts)


@pytest.fixture
def shop(installed: Kubectl, tenant: str, caller: Pod) -> Iterator[Shop]:
    start_service(installed, tenant, "shop", SHOP)
    common: dict[str, Any] = {
        "endpoint": {"service": {"namespace": tenant, "name": "shop", "port": 80}},
        "namespaces": [tenant],
        "limits": LIMITS,
    }
    free = {"name": "free", "method": "POST", "path": "/free", "effect": "Write"}
    dear = {"name": "dear", "method": "POST", "path": "/dear", "effect": "Write", "cost": {"usd": "0.01"}}
    specs: dict[str, dict[str, Any]] = {
        "shop": {"type": "HTTP", "tools": [free, dear]},
        "chat": {
            "type": "Model",
            "models": [QUESTION["model"]],
            "maxTokens": QUESTION["max_tokens"],
            "tools": [{"name": "chat", "effect": "Read"}],
        },
    }
    for name, spec in specs.items():
        kind = {"apiVersion": "genapps.dev/v1alpha1", "kind": "Connector", "metadata": {"name": name}}
        installed.apply(kind | {"spec": common | spec})
    yield Shop(installed, tenant, caller)
    installed("delete", "connector", *specs)


def tiers(kubectl: Kubectl, budget: str, **tiers: Any) -> None:
    """The budget has these tiers as well."""
    kubectl("patch", "appbudget", budget, "--type=merge", "-p", json.dumps({"spec": {"tiers": tiers}}))


def refusals(kubectl: Kubectl) -> dict[str, set[str]]:
    """The units of which each gateway has refused something."""
    found = {}
    for pod in kubectl.items("pods", "-n", SYSTEM_NAMESPACE, "-l", "app.kubernetes.io/component=gateway"):
        name = pod["metadata"]["name"]
        page = kubectl("get", "--raw", f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods/{name}:9090/proxy/metrics")
        found[name] = set(re.findall(r'genapps_gateway_budget_refusals_total\{unit="(\w+)"\}', page))
    return found


def test_of_each_limit_of_a_budget_500_requests_at_once_get_exactly_what_is_left(shop: Shop) -> None:
    tiers(shop.kubectl, shop.tenant, small=TIER)
    shop.limit(cpuSeconds=1)
    spender = shop.app("spender")
    assert shop.paid(spender, "/work") == 1, "an action is paid with the most that it may use"
    shop.limit(cpuSeconds=2)
    assert shop.paid(spender, "/work"), "what the first one did not use is there, and what all want does not fit"
    assert shop.committed("cpuMillis") == 2000

    shop.limit(toolCalls=5, costUSD="0.025", tokens=3 * TOKENS - 1)
    assert shop.paid(spender, "/dear") == 2
    assert shop.paid(spender, "/chat") == 2
    assert shop.paid(spender, "/free") == 1
    assert shop.committed("toolCalls") == 5
    assert shop.committed("costMicros") <= 25_000
    assert shop.committed("tokens") < 3 * TOKENS
    assert shop.asked() == {"free": 1, "dear": 2, "completions": 2, "bytes": BYTES}
    assert [units >= {"toolCalls", "costMicros", "tokens"} for units in refusals(shop.kubectl).values()] == [True, True]


def test_of_each_ceiling_of_a_tier_500_requests_at_once_get_exactly_what_is_left(shop: Shop) -> None:
    frugal = TIER | {"tokensPerPeriod": 3 * TOKENS - 1, "costUSDPerPeriod": "0.01"}
    tiers(shop.kubectl, shop.tenant, frugal=frugal, brief=TIER | {"cpuSecondsPerPeriod": 1})
    spender = shop.app("frugal", tier="frugal")
    assert shop.paid(spender, "/chat") == 2
    assert shop.paid(spender, "/dear") == 1
    assert shop.paid(shop.app("brief", tier="brief"), "/work") == 1
    assert shop.asked() == {"dear": 1, "completions": 2, "bytes": BYTES}
