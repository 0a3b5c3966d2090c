# SPDX-License-Identifier: Apache-2.0
"""The rights of our own processes, as the API server saw them used: never refused, never a Secret, never a spec."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.apps import SYSTEM_NAMESPACE, app, ready
from tools.kubectl import Kubectl
from tools.node import Node

OPERATOR = f"system:serviceaccount:{SYSTEM_NAMESPACE}:genapps-operator"
GATEWAY = f"system:serviceaccount:{SYSTEM_NAMESPACE}:genapps-gateway"
HELLO = """
    from genapps import app

    @app.get("/")
    async def hello(request):
        return "hello"
"""


def requests(node: Node, since: int, user: str) -> Iterator[dict[str, Any]]:
    """What that user asked for after a place in the audit log."""
    with (node.logs / "audit.log").open("rb") as log:
        log.seek(since)
        events = (json.loads(line) for line in log if line.endswith(b"\n"))
        yield from (event for event in events if event["user"]["username"] == user)


def test_operator_and_gateway_ask_only_for_what_they_may(installed: Kubectl, node: Node, tenant: str) -> None:
    start = (node.logs / "audit.log").stat().st_size
    found = ready(installed, app("watched", tenant, HELLO))
    installed("rollout", "restart", "deployment", "-n", SYSTEM_NAMESPACE)
    for deployment in ("genapps-operator", "genapps-gateway"):
        installed("rollout", "status", f"deployment/{deployment}", "-n", SYSTEM_NAMESPACE, "--timeout=120s")
    changed = app("watched", tenant, HELLO.replace("hello", "changed"))
    assert ready(installed, changed)["status"]["codeDigest"] != found["status"]["codeDigest"]
    for user in (OPERATOR, GATEWAY):
        asked = list(requests(node, start, user))
        assert asked, f"{user} asked for nothing: is this the right user?"
        refused = [event["requestURI"] for event in asked if event.get("responseStatus", {}).get("code") == 403]
        assert not refused
    operator = list(requests(node, start, OPERATOR))
    assert not [event for event in operator if event.get("objectRef", {}).get("resource") == "secrets"]
    writes = [event for event in operator if event["verb"] in ("create", "update", "patch", "delete")]
    ours = [event for event in writes if event["objectRef"].get("resource") in ("generatedapps", "appbudgets")]
    assert ours
    assert {event["objectRef"].get("subresource") for event in ours} == {"status"}
