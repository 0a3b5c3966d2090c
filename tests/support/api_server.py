# SPDX-License-Identifier: Apache-2.0
"""Requests to a node's API server over one connection, a few milliseconds each: as anybody, or with a token."""

import http.client
import json
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from tools.node import Node

SECONDS = 30


class Answer(NamedTuple):
    """The status code, and the object or Status that came with it."""

    code: int
    body: dict[str, Any]
    flow_schema: str = ""
    """uid of the FlowSchema that the request fell under."""

    @property
    def message(self) -> str:
        """What a refusal says; empty for an object."""
        return str(self.body.get("message", "")) if self.code >= http.client.BAD_REQUEST else ""


class Api:
    """The holder of a token, or else the administrator, who may ask as any user. Use as a context manager."""

    def __init__(self, node: Node, token: str = "") -> None:
        context = ssl.create_default_context(cafile=str(node.pki / "ca.crt"))
        if not token:
            context.load_cert_chain(node.pki / "admin.crt", node.pki / "admin.key")
        self._token = token
        self._connection = http.client.HTTPSConnection(node.address, 6443, timeout=SECONDS, context=context)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, user: str = "", groups: Sequence[str] = ()
    ) -> Answer:
        """One request; a PATCH is a merge patch. As oneself when `user` is empty."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        self._connection.putrequest(method, path)
        self._connection.putheader("Content-Type", kind)
        if self._token:
            self._connection.putheader("Authorization", f"Bearer {self._token}")
        if user:
            self._connection.putheader("Impersonate-User", user)
            for group in groups:
                self._connection.putheader("Impersonate-Group", group)
        data = b"" if body is None else json.dumps(body).encode()
        self._connection.putheader("Content-Length", str(len(data)))
        self._connection.endheaders(data)
        answer = self._connection.getresponse()
        text = answer.read()
        try:
            found = json.loads(text)
        except ValueError:
            found = {"message": text.decode(errors="replace")}
        return Answer(answer.status, found, answer.getheader("X-Kubernetes-PF-FlowSchema-UID", ""))
