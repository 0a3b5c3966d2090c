# SPDX-License-Identifier: Apache-2.0
"""OAuth 2 client credentials (RFC 6749, 4.4): one fetch at a time for each client, used until shortly before its end.

A token belongs to everything that it was bought with: connector, Secret and its version, server, client, scopes.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

import orjson
import structlog

from genapps.api.connector import OAuthClient
from genapps.cluster import clocks
from genapps.gateway.credentials.secrets import CredentialError, CredentialLateError, StoredSecret
from genapps.gateway.egress.messages import (
    EgressLimits,
    EgressRefusedError,
    OutboundRequest,
    Sender,
    Target,
    UpstreamFailedError,
)

_HTTPS_PORT = 443
_LIMITS = EgressLimits(seconds=10, body_bytes=64 * 1024)
_LONGEST_SECONDS = 3600.0
_DEFAULT_SECONDS = 300.0
_EARLY = 0.2
"""The last part of a token's life in which it is not used any more."""
_TOKEN_CHARACTERS = 8 * 1024
_RETRY_SECONDS = 5.0
"""After a failure nobody asks the server again for so long."""
MOST_TOKENS = 1024

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Token:
    bought_with: tuple[object, ...]
    value: str = field(default="", repr=False)
    until: float = 0.0
    failed_until: float = 0.0
    buying: asyncio.Task[CredentialError | None] | None = None
    """Shared by all who wait for it, and ended by none of them."""


class OAuthTokens:
    """The tokens of this process; `clock` is monotonic seconds."""

    def __init__(self, sender: Sender, clock: Callable[[], float] = clocks.monotonic) -> None:
        self._sender = sender
        self._clock = clock
        self._tokens: dict[str, _Token] = {}

    async def token(
        self, connector: str, client: OAuthClient, secret: StoredSecret, key: str, *, seconds: float, resource: str = ""
    ) -> str:
        """An access token, within so many seconds; `resource` is the URL that it is for, where the server of tokens
        should know it (RFC 8707). Raises CredentialError; CredentialLateError when the seconds are over before.
        """
        host = urlsplit(client.token_url).hostname or ""
        if host not in secret.hosts:
            raise CredentialError("its Secret is not annotated for the host of its tokens")
        about = (client.token_url, client.client_id, client.scopes, client.audience, resource)
        bought_with = (secret.identity, key, *about)
        token = self._tokens.get(connector)
        if token is None or token.bought_with != bought_with:
            if len(self._tokens) >= MOST_TOKENS:
                self._tokens.clear()
            token = self._tokens[connector] = _Token(bought_with)
        now = self._clock()
        if now < token.until:
            return token.value
        if now < token.failed_until:
            raise CredentialError("the server of its tokens does not answer")
        if token.buying is None:
            token.buying = asyncio.create_task(self._buy(token, connector, client, secret.value(key), resource))
        try:
            async with asyncio.timeout(seconds):
                error = await asyncio.shield(token.buying)
        except TimeoutError:
            raise CredentialLateError("the server of its tokens does not answer in time") from None
        if error is not None:
            raise error
        return token.value

    def drop(self, connector: str, value: str) -> None:
        """The connector did not take this token. One that was bought since is kept."""
        token = self._tokens.get(connector)
        if token is not None and token.value == value:
            del self._tokens[connector]

    async def _buy(
        self, token: _Token, connector: str, client: OAuthClient, secret: str, resource: str
    ) -> CredentialError | None:
        """Why there is no token, None when there is one."""
        begun = self._clock()
        try:
            token.value, seconds = await self._bought(connector, client, secret, resource)
        except CredentialError as error:
            token.failed_until = self._clock() + _RETRY_SECONDS
            return error
        finally:
            token.buying = None
        token.until = begun + seconds * (1 - _EARLY)
        return None

    async def _bought(self, connector: str, client: OAuthClient, secret: str, resource: str) -> tuple[str, float]:
        url = urlsplit(client.token_url)
        target = Target(connector, "https", url.hostname or "", url.port or _HTTPS_PORT, None)
        try:
            response = await self._sender.send(target, _request(client, secret, url.path or "/", resource), _LIMITS)
        except (EgressRefusedError, UpstreamFailedError) as error:
            _log.warning("token_not_fetched", connector=connector, why=str(error.reason))
            raise CredentialError("the server of its tokens does not answer") from error
        if response.status != 200:
            _log.warning("token_refused", connector=connector, status=response.status)
            raise CredentialError("the server of its tokens refuses the client")
        return _read(response.body)


def _request(client: OAuthClient, secret: str, path: str, resource: str) -> OutboundRequest:
    form = {"grant_type": "client_credentials"}
    if client.scopes:
        form["scope"] = " ".join(client.scopes)
    if client.audience:
        form["audience"] = client.audience
    if resource:
        form["resource"] = resource
    pair = f"{quote(client.client_id, safe='')}:{quote(secret, safe='')}"
    headers = (
        ("accept", "application/json"),
        ("authorization", f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"),
        ("content-type", "application/x-www-form-urlencoded"),
    )
    return OutboundRequest("POST", path, headers, urlencode(form).encode("ascii"), credential_id="oauth")


def _read(body: bytes) -> tuple[str, float]:
    """The token and the seconds of its life. Raises CredentialError."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    token = content.get("access_token") if isinstance(content, dict) else None
    kind = content.get("token_type", "bearer") if isinstance(content, dict) else None
    if not isinstance(token, str) or not 0 < len(token) <= _TOKEN_CHARACTERS or not isinstance(kind, str):
        raise CredentialError("the server of its tokens gives none")
    if kind.lower() != "bearer" or not all(0x21 <= ord(character) <= 0x7E for character in token):
        raise CredentialError("the server of its tokens gives none that can be sent")
    seconds = content.get("expires_in", _DEFAULT_SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
        seconds = _DEFAULT_SECONDS
    return token, min(float(seconds), _LONGEST_SECONDS)
