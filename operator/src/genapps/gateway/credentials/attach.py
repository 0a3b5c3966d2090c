# SPDX-License-Identifier: Apache-2.0
"""Puts a connector's credential on a request, and recognises it in the answer: apps never see one.

A server that echoes what it got would hand the credential to the app. Such an answer is a defect of the connector.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import parse_qsl, quote

from genapps.api.connector import Credential, CredentialUse
from genapps.gateway.catalogue import Offer
from genapps.gateway.credentials.echo import SHORTEST
from genapps.gateway.credentials.oauth import OAuthTokens
from genapps.gateway.credentials.secrets import CredentialError, Secrets, StoredSecret
from genapps.gateway.egress.messages import OutboundRequest, OutboundResponse, Target

_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Attached:
    """A request with its credential, and the forms by which that is recognised."""

    request: OutboundRequest
    forms: tuple[bytes, ...] = ()

    def with_header(self, name: str, value: str, secrets: tuple[str, ...]) -> Attached:
        """The request with one more header, whose secrets are recognised as well."""
        added = _in_header(self.request, name, value, secrets)
        return Attached(added.request, (*self.forms, *added.forms))

    def echoed_by(self, response: OutboundResponse) -> bool:
        """Whether the answer holds the credential."""
        return any(form in response.body for form in self.forms)


class Credentials(Protocol):
    """Where requests get their credentials."""

    def identity(self, offer: Offer) -> str:
        """Says which credential calls of the connector carry, without showing it; empty for none."""

    async def attach(self, offer: Offer, target: Target, request: OutboundRequest, seconds: float) -> Attached:
        """The request, with the connector's credential if it has one, within so many seconds. Raises
        CredentialError."""

    def refused(self, offer: Offer, request: OutboundRequest) -> None:
        """The connector did not take the credential of this request."""


class SecretCredentials:
    """Credentials from Secrets, and from tokens that such a secret buys."""

    def __init__(self, secrets: Secrets, tokens: OAuthTokens) -> None:
        self._secrets = secrets
        self._tokens = tokens

    def identity(self, offer: Offer) -> str:
        """Says which credential calls of the connector carry, without showing it; empty for none."""
        credential = offer.spec.credential
        return "" if credential is None else self._secrets.identity(credential.secret_name)

    async def attach(self, offer: Offer, target: Target, request: OutboundRequest, seconds: float) -> Attached:
        """The request, with the connector's credential if it has one, within so many seconds. Raises
        CredentialError."""
        credential = offer.spec.credential
        if credential is None:
            return Attached(request)
        secret = self._secrets.bound(credential.secret_name, offer.name, target.host)
        value = secret.value(credential.key)
        identified = replace(request, credential_id=f"{secret.identity}/{credential.key}")
        if credential.oauth is not None:
            token = await self._tokens.token(
                offer.name, credential.oauth, secret, credential.key, seconds=seconds, resource=_resource(offer)
            )
            return _in_header(identified, "authorization", f"{_BEARER}{token}", (value, token))
        return _attached(identified, credential.as_ or CredentialUse(header="authorization"), secret, value)

    def refused(self, offer: Offer, request: OutboundRequest) -> None:
        """The connector did not take the credential of this request: a token is bought anew."""
        credential: Credential | None = offer.spec.credential
        if credential is not None and credential.oauth is not None:
            self._tokens.drop(offer.name, dict(request.headers)["authorization"].removeprefix(_BEARER))


def _resource(offer: Offer) -> str:
    """An MCP server is named to the server of its tokens, so that it takes no token that was bought for another."""
    return (offer.spec.endpoint.url or "").rstrip("/") if offer.spec.type == "MCP" else ""


def _attached(request: OutboundRequest, use: CredentialUse, secret: StoredSecret, value: str) -> Attached:
    if use.basic is not None:
        pair = base64.b64encode(f"{secret.value(use.basic.username_key)}:{value}".encode()).decode("ascii")
        return _in_header(request, "authorization", f"Basic {pair}", (value, pair))
    if use.query is not None:
        query = request.path.partition("?")[2]
        if any(name == use.query for name, _ in parse_qsl(query, keep_blank_values=True)):
            raise CredentialError("an argument stands in the place of its credential")
        mark = "&" if query else "?"
        path = f"{request.path}{mark}{use.query}={quote(value, safe='')}"
        return Attached(replace(request, path=path), _forms((value,)))
    return _in_header(request, use.header or "authorization", f"{use.prefix or ''}{value}", (value,))


def _in_header(request: OutboundRequest, name: str, value: str, secrets: tuple[str, ...]) -> Attached:
    kept = tuple(header for header in request.headers if header[0].lower() != name.lower())
    return Attached(replace(request, headers=(*kept, (name, value))), _forms(secrets))


def _forms(secrets: tuple[str, ...]) -> tuple[bytes, ...]:
    """How a secret may stand in an answer: as it is, escaped for a URL or for JSON, in base64."""
    found = set()
    for secret in secrets:
        if len(secret) < SHORTEST:
            continue
        escaped = secret.replace("\\", "\\\\").replace('"', '\\"')
        encoded = base64.b64encode(secret.encode()).rstrip(b"=").decode("ascii")
        found |= {secret, quote(secret, safe=""), escaped, escaped.replace("/", "\\/"), encoded}
    return tuple(form.encode("ascii") for form in sorted(found))
