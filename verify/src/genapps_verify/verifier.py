# SPDX-License-Identifier: Apache-2.0
"""Is this request the call that the gateway made, for this connector, with these arguments, and for the first time?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from genapps_verify.errors import Fault, StepTokenRefusedError
from genapps_verify.keys import PublicKeys
from genapps_verify.replays import MemoryReplays, Replays
from genapps_verify.step import Asserted, Step

HEADER = "Txn-Token"
"""Of the request that carries the token."""
TOKEN_BYTES = 8 * 1024
LONGEST_SECONDS = 60
"""Of a token's life."""
LEEWAY_SECONDS = 5.0
"""By so much clocks may differ."""
_ALGORITHM = "ES256"
_TYPE = "txntoken+jwt"
_HEAD = {"alg", "typ", "kid"}
_NUMBER_BYTES = 32
_SHA256 = ec.ECDSA(hashes.SHA256())
_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)", re.ASCII)


class StepVerifier:
    """Verifies the tokens of one connector. Threads may share it; `clock` is seconds since 1970."""

    def __init__(
        self,
        connector: str,
        audience: str,
        keys: PublicKeys,
        replays: Replays | None = None,
        clock: Callable[[], float] = time.time,
        leeway: float = LEEWAY_SECONDS,
    ) -> None:
        """`connector` is the name of the Connector in the cluster, `audience` what its `spec.stepToken` says. Without
        `replays` the used tokens are remembered in this process. Raises ValueError when one of the names is empty."""
        if not connector or not audience:
            raise ValueError("a verifier needs the name of its connector and its audience")
        self._connector = connector
        self._audience = audience
        self._keys = keys
        self._replays = MemoryReplays(clock=clock) if replays is None else replays
        self._clock = clock
        self._leeway = leeway

    def verify(self, token: str | None, tool: str, arguments: Mapping[str, Any]) -> Step:
        """What the token says, when it was made for this call of this connector, and was not used before.

        `arguments` are those of the tool by name, with the types of its contract, wherever in the request they stand.
        Raises StepTokenRefusedError, KeysUnavailableError, ReplayStoreFullError."""
        claims = self._signed(token)
        step, audience, issued_at = _step(claims)
        self._timely(issued_at, step.expires_at)
        found = (
            (Fault.AUDIENCE, audience == self._audience),
            (Fault.CONNECTOR, step.connector == self._connector),
            (Fault.TOOL, step.tool == tool),
            (Fault.ARGUMENTS, step.arguments_digest == arguments_digest(arguments)),
        )
        for fault, holds in found:
            if not holds:
                raise StepTokenRefusedError(fault)
        # Last, so that a request that is refused anyway uses up nothing.
        if not self._replays.first(step.txn, step.expires_at + self._leeway):
            raise StepTokenRefusedError(Fault.REPLAYED)
        return step

    def _signed(self, token: str | None) -> dict[str, Any]:
        """The claims, when a key of the gateway has signed them."""
        if not token:
            raise StepTokenRefusedError(Fault.MISSING)
        parts = _TOKEN.fullmatch(token) if len(token) <= TOKEN_BYTES else None
        if parts is None:
            raise StepTokenRefusedError(Fault.MALFORMED)
        head, body, signature = parts.groups()
        kid = _key_id(_json_object(head))
        key = self._keys.find(kid)
        if key is None:
            raise StepTokenRefusedError(Fault.KEY_UNKNOWN)
        _judge_signature(key, _decoded(signature), f"{head}.{body}".encode("ascii"))
        return _json_object(body)

    def _timely(self, issued_at: int, expires_at: int) -> None:
        now = self._clock()
        if not 0 <= expires_at - issued_at <= LONGEST_SECONDS:
            raise StepTokenRefusedError(Fault.LIVES_TOO_LONG)
        if now >= expires_at + self._leeway:
            raise StepTokenRefusedError(Fault.EXPIRED)
        if now < issued_at - self._leeway:
            raise StepTokenRefusedError(Fault.ISSUED_LATER)


def arguments_digest(arguments: Mapping[str, Any]) -> str:
    """`sha256:<hex>` of their canonical form (RFC 8785). No token is about arguments that have none: then empty."""
    try:
        canonical = rfc8785.dumps(dict(arguments))
    except (rfc8785.CanonicalizationError, RecursionError):
        return ""
    return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def _key_id(head: dict[str, Any]) -> str:
    """Which key has signed, of a head that promises nothing else."""
    if head.get("alg") != _ALGORITHM:
        raise StepTokenRefusedError(Fault.ALGORITHM)
    if head.get("typ") != _TYPE:
        raise StepTokenRefusedError(Fault.TYPE)
    # Others, such as a key in the token itself or `crit`, ask for more than this verifier does.
    if head.keys() != _HEAD or not isinstance(head["kid"], str):
        raise StepTokenRefusedError(Fault.MALFORMED)
    return head["kid"]


def _judge_signature(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> None:
    if len(signature) != 2 * _NUMBER_BYTES:
        raise StepTokenRefusedError(Fault.SIGNATURE)
    r, s = signature[:_NUMBER_BYTES], signature[_NUMBER_BYTES:]
    try:
        key.verify(encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big")), signed, _SHA256)
    except InvalidSignature:
        raise StepTokenRefusedError(Fault.SIGNATURE) from None


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise StepTokenRefusedError(Fault.MALFORMED) from None


def _json_object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        raise StepTokenRefusedError(Fault.MALFORMED) from None
    if not isinstance(value, dict):
        raise StepTokenRefusedError(Fault.MALFORMED)
    return value


def _step(claims: dict[str, Any]) -> tuple[Step, str, int]:
    """The step, its audience and when it was issued. A claim that is absent or of another type makes no token."""
    call, request = _part(claims, "tctx"), _part(claims, "rctx")
    asserted = _part(request, "asserted_by_runtime")
    step = Step(
        txn=_text(claims, "txn"),
        app=_text(claims, "sub"),
        app_uid=_text(request, "app_uid"),
        workload=_text(claims, "req_wl"),
        connector=_text(call, "connector"),
        tool=_text(call, "tool"),
        effect=_text(call, "effect"),
        arguments_digest=_text(call, "arguments_digest"),
        envelope_digest=_text(call, "envelope_digest"),
        asserted=Asserted(
            _text(asserted, "request_id"), _number(asserted, "step"), _text(asserted, "tenant", absent="")
        ),
        expires_at=_number(claims, "exp"),
        code_digest=_text(call, "code_digest", absent=""),
        revision=_text(request, "revision", absent=""),
        idempotency_key=_text(call, "idempotency_key", absent=""),
    )
    return step, _text(claims, "aud"), _number(claims, "iat")


def _part(within: dict[str, Any], name: str) -> dict[str, Any]:
    value = within.get(name)
    if not isinstance(value, dict):
        raise StepTokenRefusedError(Fault.MALFORMED)
    return value


def _text(within: dict[str, Any], name: str, absent: str | None = None) -> str:
    value = within.get(name, absent)
    if not isinstance(value, str) or (not value and absent is None):
        raise StepTokenRefusedError(Fault.MALFORMED)
    return value


def _number(within: dict[str, Any], name: str) -> int:
    value = within.get(name)
    if type(value) is not int:
        raise StepTokenRefusedError(Fault.MALFORMED)
    return value
