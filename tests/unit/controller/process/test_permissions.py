# SPDX-License-Identifier: Apache-2.0
"""The table of the operator's rights is the chart's RBAC, neither more nor less."""

import orjson
import pytest
from aiohttp import web

from genapps.cluster.errors import ForbiddenError
from genapps.controller.process import permissions
from genapps.controller.process.permissions import Permission
from genapps.controller.settings import Settings
from tests.support.granted_rights import grants
from tests.support.scripted_server import Script, refusal, serve
from tools import helm

RUNS = ["genapps-run", "second-run"]
SETTINGS = Settings(helm.NAMESPACE, frozenset(RUNS), "image")


def test_the_table_is_what_the_chart_grants() -> None:
    rendered = helm.render({"image": {"genapps": "a:1", "runtime": "b:1"}, "runNamespaces": RUNS})
    granted = {
        Permission(verb, group, resource, "" if scope == "*" else scope, name)
        for scope, group, resource, verb, names in grants(rendered, "genapps-operator")
        for name in names or ("",)
    }
    assert set(permissions.needed(SETTINGS)) == granted


async def test_missing_rights_are_named_with_verb_resource_and_namespace() -> None:
    async def answer(request: web.Request) -> web.Response:
        asked = orjson.loads(await request.read())["spec"]["resourceAttributes"]
        refused = (asked["verb"], asked.get("resource"), asked.get("namespace")) == ("delete", "pods", "second-run")
        refused |= (asked["resource"], asked.get("subresource")) == ("generatedapps", "status")
        return web.Response(body=orjson.dumps({"status": {"allowed": not refused}}))

    script = Script([answer])
    async with serve(script) as client:
        lacking = await permissions.missing(client, SETTINGS)
    assert [str(permission) for permission in lacking] == [
        "patch generatedapps/status.genapps.dev in the cluster",
        "delete pods in namespace second-run",
    ]
    leases = [asked.body["spec"]["resourceAttributes"] for asked in script.asked]
    assert {"verb": "update", "group": "coordination.k8s.io", "resource": "leases"} in [
        {key: lease[key] for key in ("verb", "group", "resource") if key in lease}
        for lease in leases
        if lease.get("name") == "genapps-operator" and lease.get("namespace") == helm.NAMESPACE
    ]


async def test_an_api_server_that_does_not_tell_is_no_answer() -> None:
    async with serve(Script([refusal(403)])) as client:
        with pytest.raises(ForbiddenError):
            await permissions.missing(client, SETTINGS)
