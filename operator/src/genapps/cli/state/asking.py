# SPDX-License-Identifier: Apache-2.0
"""A question to the runtime in an app's pod, with the caller's own kubeconfig and under their own name."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from genapps.api.names import AppKey, child_name
from genapps.cluster.client import Client
from genapps.cluster.connection import Connection
from genapps.cluster.errors import ApiError, NotFoundError
from genapps.cluster.exec import run_in_pod
from genapps.cluster.resources import GENERATED_APP, OWN_NAME

CONTAINER = "runtime"
AGENT = "genapps-state"
LINE_BYTES = 16 * 1024 * 1024
"""More than the runtime writes in one."""
Line = dict[str, Any]


class NotDoneError(Exception):
    """The runtime has not done it, or nobody knows; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `operation` is list, export or delete, `tenant` a SHA-256, or for a list the last one that is
    known."""

    key: AppKey
    run_namespace: str
    operation: str
    tenant: str

    def command(self, user: str) -> list[str]:
        """The words that the admission policy for run namespaces expects."""
        return ["genapps-runtime", "state", self.operation, self.key.namespace, self.key.name, self.tenant, user]


async def answer(connection: Connection, question: Question) -> AsyncGenerator[bytes, None]:
    """The lines of a whole answer, with their line feeds; the last one has the member `end`.

    Raises NotDoneError, CommandFailedError and ApiError.
    """
    key = question.key
    async with Client(connection, AGENT) as client:
        command = question.command(await _own_name(client))
        pod = child_name(key.namespace, key.name)
        pieces = run_in_pod(connection, AGENT, question.run_namespace, pod, CONTAINER, command)
        try:
            async with aclosing(_lines(pieces)) as lines:
                async for line in lines:
                    if line.startswith(b'{"error":'):
                        raise NotDoneError(json.loads(line)["error"]["message"])
                    yield line
                    if line.startswith(b'{"end":'):
                        return
        except NotFoundError:
            raise NotDoneError(await _why_no_pod(client, question)) from None
    raise NotDoneError("the answer was cut off; ask again")


async def _own_name(client: Client) -> str:
    """Who the API server takes us for: it lets nobody ask under another name."""
    review = await client.create({"apiVersion": OWN_NAME.api_version, "kind": OWN_NAME.kind, "metadata": {}})
    return str(review["status"]["userInfo"]["username"])


async def _lines(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        pending = b""
        async for piece in pieces:
            *whole, pending = (pending + piece).split(b"\n")
            for line in whole:
                yield line + b"\n"
            if len(pending) > LINE_BYTES:
                raise NotDoneError(f"a line of the answer has more than {LINE_BYTES} bytes")


async def _why_no_pod(client: Client, question: Question) -> str:
    """Why there is no pod, and what can be done."""
    key, where = question.key, question.run_namespace
    text = f"{key.namespace}/{key.name} has no pod in namespace {where}"
    try:
        found = await client.get(GENERATED_APP, key.namespace, key.name)
    except NotFoundError:
        return f"there is no app {key.namespace}/{key.name}; purge its AppRecord to delete what it has left"
    except ApiError as error:
        return f"{text}, and the app cannot be read ({error.reason})"
    conditions = {one["type"]: one for one in (found.get("status") or {}).get("conditions") or ()}
    ready = conditions.get("Ready", {})
    said = f" ({ready['reason']}: {ready.get('message', '')})" if ready.get("status") == "False" else ""
    return (
        f"{text}{said}. If its budget has another run namespace, name that with --run-namespace. If the app is "
        "suspended or stalled, only its runtime could read its data: let it run, or delete the app and purge its "
        "AppRecord, which deletes the data of all tenants"
    )
