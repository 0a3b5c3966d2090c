# SPDX-License-Identifier: Apache-2.0
"""Tenants on a real Kubernetes: projected tokens of its API server, whose keys come to the pod by the gateway."""

from demo.callers import Pod, Reply
from tests.support.apps import app, ready
from tools.kubectl import Kubectl

WORDS = """
    from genapps import app, state

    @app.get("/")
    async def hello(request):
        return await state.get("word", "none")

    @app.post("/")
    async def keep(request):
        await state.put("word", (await request.body()).decode())
"""


def minted(installed: Kubectl, namespace: str, account: str, audience: str) -> str:
    return installed("create", "token", account, "-n", namespace, "--audience", audience).strip()


def test_a_trusted_caller_names_tenants_and_nobody_else_does(installed: Kubectl, tenant: str, caller: Pod) -> None:
    budget = installed.get("abud", tenant, None)
    budget["spec"]["tiers"]["small"]["instances"] = 2
    installed.apply({key: budget[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": tenant}})
    for account in ("web", "other"):
        installed("create", "serviceaccount", account, "-n", tenant)
    tenancy = {"header": "X-Tenant", "trustedCallers": ["web"], "maxTenants": 2}
    url = ready(installed, app("words", tenant, WORDS, tenancy=tenancy))["status"]["url"] + "/"
    audience = f"genapps-app/{tenant}/words"

    def ask(method: str, token: str, name: str, body: str | None = None) -> Reply:
        return caller.request(method, url, {"Genapps-Caller-Token": token, "X-Tenant": name}, body)

    web = minted(installed, tenant, "web", audience)
    for name in ("acme", "globex"):
        assert ask("POST", web, name, f"of {name}").status == 200
    assert [ask("GET", web, name).body for name in ("acme", "globex")] == ["of acme", "of globex"]
    assert ask("POST", web, "initech", "x").status == 507
    assert ask("GET", minted(installed, tenant, "other", audience), "acme").status == 403
    for elsewhere in (f"genapps-app/{tenant}/other", "genapps-gateway"):
        assert ask("GET", minted(installed, tenant, "web", elsewhere), "acme").status == 401
    assert caller.request("GET", url, {"X-Tenant": "acme"}, None).status == 401
