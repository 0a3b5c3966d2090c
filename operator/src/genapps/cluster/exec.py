# SPDX-License-Identifier: Apache-2.0
"""Run a command in a container by the API server, over a WebSocket, and read what it prints."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import aiohttp

from genapps.cluster.connection import Connection, open_session
from genapps.cluster.errors import ApiError, UnavailableError, from_status
from genapps.cluster.resources import POD

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_OUTPUT, _ERRORS, _END = 1, 2, 3
"""Channels: the first byte of each message."""
_ERROR_CHARACTERS = 2000
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)
SILENT_SECONDS = 330.0
"""How long nothing may come."""


class CommandFailedError(Exception):
    """The command ended with an error, or its connection did. What it said about it is the message."""


async def run_in_pod(
    connection: Connection, user_agent: str, namespace: str, pod: str, container: str, command: Sequence[str]
) -> AsyncGenerator[bytes, None]:
    """What the command prints, in pieces, until it has ended well. It gets no input.

    Raises ApiError when the API server refuses, and CommandFailedError.
    """
    url = connection.server + POD.path(namespace, pod, "exec")
    asked = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", word) for word in command)]
    said = ""
    async with open_session(connection, user_agent) as session:
        try:
            socket = await session.ws_connect(url, params=asked, protocols=_PROTOCOLS, max_msg_size=0, timeout=_WAITS)
        except aiohttp.WSServerHandshakeError as error:
            raise await _refusal(session, url, asked, error.status) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnavailableError(0, "NoAnswer", repr(error)) from error
        async with socket:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                    continue
                channel, content = message.data[0], message.data[1:]
                if channel == _OUTPUT:
                    yield content
                elif channel == _ERRORS:
                    said = (said + content.decode("utf-8", "replace"))[:_ERROR_CHARACTERS]
                elif channel == _END:
                    _expect_success(content, said)
                    return
    raise CommandFailedError(said.strip() or "the connection to the pod was lost")


_WAITS = aiohttp.ClientWSTimeout(ws_receive=SILENT_SECONDS, ws_close=5.0)


async def _refusal(session: aiohttp.ClientSession, url: str, asked: Sequence[tuple[str, str]], status: int) -> ApiError:
    """The refusal with its reason, which a refused WebSocket does not bring: it is asked for once more, without one.

    Such a request runs nothing.
    """
    body: dict[str, Any] = {}
    try:
        async with session.get(url, params=list(asked), timeout=_TIMEOUT) as answer:
            if answer.status == status:
                found = await answer.json(content_type=None)
                body = found if isinstance(found, dict) else {}
    except (aiohttp.ClientError, TimeoutError, ValueError):
        pass  # the status says enough
    return from_status(status, body)


def _expect_success(content: bytes, said: str) -> None:
    """The last message is a Status. Raises CommandFailedError."""
    try:
        status = json.loads(content)
    except ValueError:
        status = {}
    if status.get("status") != "Success":
        raise CommandFailedError(said.strip() or str(status.get("message") or "the command failed"))
