# SPDX-License-Identifier: Apache-2.0
"""One request to the node's API server, for what the lifecycle must know; it never raises for a server that is away."""

import http.client
import json
import ssl
from typing import Any

from tools.node.settings import Node

SECONDS = 5


def get(node: Node, path: str) -> Any | None:
    """The JSON (or text) at a path, None unless the answer is 200."""
    try:
        context = ssl.create_default_context(cafile=str(node.pki / "ca.crt"))
        context.load_cert_chain(node.pki / "admin.crt", node.pki / "admin.key")
        connection = http.client.HTTPSConnection(node.address, 6443, timeout=SECONDS, context=context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return None
    if answer.status != http.client.OK:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def ready(node: Node) -> bool:
    """Whether the API server says that it is ready."""
    return get(node, "/readyz") is not None


def node_ready(node: Node) -> bool:
    """Whether the kubelet reported its node Ready."""
    found = get(node, f"/api/v1/nodes/{node.name}")
    if not isinstance(found, dict):
        return False
    conditions = found.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
