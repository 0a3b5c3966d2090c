# SPDX-License-Identifier: Apache-2.0
"""Asks netcheck pods (tools/netcheck) to try a connection or a volume, through the API server's pod proxy.

The API server is on the node, and the node always reaches its pods: whatever policies say, the question arrives.
"""

import http.client
import ssl
from dataclasses import dataclass
from urllib.parse import urlencode

from tools.node.settings import Node

CONTROL_PORT = 9999
ANSWER_SECONDS = 30
TRY = "300ms"


@dataclass(frozen=True)
class Answer:
    """What a pod answered: an HTTP status (netcheck's own, see its source) and a text."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        """Whether the pod did what it was asked to do."""
        return self.status == http.client.OK


class NetcheckError(Exception):
    """The pod could not be asked at all."""


def ask(
    node: Node, namespace: str, pod: str, command: str, seconds: float = ANSWER_SECONDS, **arguments: str
) -> Answer:
    """Send one command to a pod. Raises NetcheckError when the answer does not come from netcheck."""
    context = ssl.create_default_context(cafile=str(node.pki / "ca.crt"))
    context.load_cert_chain(node.pki / "admin.crt", node.pki / "admin.key")
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}:{CONTROL_PORT}/proxy/{command}?{urlencode(arguments)}"
    connection = http.client.HTTPSConnection(node.address, 6443, timeout=seconds, context=context)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
        if response.headers.get("Netcheck") is None:
            raise NetcheckError(f"{namespace}/{pod} {command}: {response.status} {text}")
        return Answer(response.status, text.strip())
    finally:
        connection.close()


def dial(node: Node, namespace: str, pod: str, network: str, address: str, silent: bool = False) -> Answer:
    """Try a connection from a pod: ok and the name of what answered, or why not; `silent` servers say nothing first."""
    kind = "1" if silent else ""
    return ask(node, namespace, pod, "dial", network=network, address=address, timeout=TRY, silent=kind)
