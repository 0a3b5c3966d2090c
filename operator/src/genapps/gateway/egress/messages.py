# SPDX-License-Identifier: Apache-2.0
"""What goes to a connector and comes back, and the two ways in which that fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. It comes from the Connector, never from an app."""

    connector: str
    """The connector's name."""
    scheme: str
    """https, or http for a Service."""
    host: str
    """The host of the URL, of SNI and of the Host header: a full name in lower case."""
    port: int
    addresses: tuple[str, ...] | None = None
    """The addresses of a Service's pods. None: the host is resolved, and its addresses must be public."""


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """One request. Its representation shows neither headers nor path, which may hold a credential."""

    method: str
    path: str = field(repr=False)
    """Percent-encoded path and query; begins with /."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names and values in ASCII. Host, length, encoding and connection headers are the gateway's own."""
    body: bytes = field(default=b"", repr=False)
    credential_id: str = ""
    """Says which credential the request carries, without showing it. Requests of different credentials share no
    connection."""


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """A whole answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; equal names are joined by a comma. Without cookies, framing and connection headers."""
    body: bytes = field(repr=False)
    """Decoded and bounded."""


@dataclass(frozen=True, slots=True)
class EgressLimits:
    """The bounds of one request and its answer."""

    seconds: float
    """From the call to the last byte, connecting and redirects included."""
    connect_seconds: float = 5.0
    """For resolving, connecting and the TLS handshake; within `seconds`."""
    body_bytes: int = 4 * 1024 * 1024
    """Of the answer's body, as it arrives and decoded."""
    head_bytes: int = 32 * 1024
    """Of the answer's head."""
    header_count: int = 100
    decoded_ratio: int = 100
    """How many bytes one compressed byte may become; the first 64 KiB are free."""
    redirects: int = 0
    """How many redirects a GET or HEAD may follow, at most 3, on the connector's own host."""


class EgressReason(StrEnum):
    """Why the platform refuses to send."""

    TARGET_INVALID = "TargetInvalid"
    """No scheme, host or port that a connector may have."""
    REQUEST_INVALID = "RequestInvalid"
    """A path or header that could be read as something else."""
    NAME_NOT_RESOLVED = "NameNotResolved"
    ADDRESS_REFUSED = "AddressRefused"
    """An address inside the cluster, of a private network, or otherwise not public."""
    REDIRECT_REFUSED = "RedirectRefused"


class FailureReason(StrEnum):
    """Why a connector gave no usable answer."""

    CONNECT_FAILED = "ConnectFailed"
    TLS_FAILED = "TlsFailed"
    """No TLS, or no certificate for this host by a trusted authority."""
    PROXY_FAILED = "ProxyFailed"
    """The platform's proxy does not let the connection through."""
    TIMED_OUT = "TimedOut"
    CLOSED = "Closed"
    """The connection ended before the answer did."""
    MALFORMED = "Malformed"
    """Not HTTP, or a body whose end is not certain."""
    HEAD_TOO_LARGE = "HeadTooLarge"
    BODY_TOO_LARGE = "BodyTooLarge"
    ENCODING_INVALID = "EncodingInvalid"
    """Compressed in a way that was not asked for, or not whole."""


class Sender(Protocol):
    """Sends one request: `upstream` does, and whatever stands for it in tests."""

    async def send(self, target: Target, request: OutboundRequest, limits: EgressLimits) -> OutboundResponse:
        """The whole answer. Raises EgressRefusedError or UpstreamFailedError."""


class EgressRefusedError(Exception):
    """The platform refuses. `detail` is for the platform's log: it may name addresses.

    `sent` is False but for a refused redirect: then the connector has had the request that it answered so.
    """

    def __init__(self, reason: EgressReason, detail: str, *, sent: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.sent = sent


class UpstreamFailedError(Exception):
    """The connector gave no usable answer. `sent` is False only if certainly no byte of the request has left.

    `detail` is for the platform's log: it may name addresses, and never quotes what the connector sent.
    """

    def __init__(self, reason: FailureReason, detail: str, *, sent: bool) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.sent = sent
