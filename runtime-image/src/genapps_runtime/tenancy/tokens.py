# SPDX-License-Identifier: Apache-2.0
"""JSON Web Tokens, verified: signature, issuer, audience and times (RFC 7519, 8725).

What a token proved is kept by the SHA-256 of the whole of it, for a minute at most, and only as long as its key is
among the keys. The token itself is not kept.
"""

import base64
import binascii
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from genapps_runtime.tenancy.keys import Keys
from genapps_runtime.tenancy.signatures import PublicKey

TOKEN_BYTES = 8 * 1024
LEEWAY_SECONDS = 30.0
"""By how much the clocks of issuer and pod may differ."""
KEPT_SECONDS = 60.0
MOST_KEPT = 1024
AUDIENCES = 16


class TokenError(Exception):
    """The token proves nothing; says why. `unknown_key`: it may be good, if there is a newer key."""

    def __init__(self, why: str, *, unknown_key: bool = False) -> None:
        super().__init__(why)
        self.unknown_key = unknown_key


@dataclass(frozen=True, slots=True)
class _Proof:
    """`until` is a time of the wall clock, in seconds since the epoch."""

    value: str
    until: float
    key_id: str
    key: PublicKey


class Tokens:
    """Verifies the tokens of one issuer for one audience, and says what they are about: a claim that is a text."""

    def __init__(self, keys: Keys, audience: str, claim: str, now: Callable[[], float] = time.time) -> None:
        """`now` is in seconds since the epoch."""
        self._keys = keys
        self._audience = audience
        self._claim = claim
        self._now = now
        self._proofs: dict[bytes, _Proof] = {}

    def verified(self, token: bytes) -> str:
        """The claim of a token that is good. Raises TokenError. Ask only while the keys are usable."""
        digest = hashlib.sha256(token).digest()
        proof = self._proofs.get(digest)
        if proof is not None:
            if self._now() < proof.until and self._keys.find(proof.key_id) is proof.key:
                return proof.value
            del self._proofs[digest]
        proof = self._prove(token)
        if len(self._proofs) >= MOST_KEPT:
            del self._proofs[next(iter(self._proofs))]
        self._proofs[digest] = proof
        return proof.value

    def _prove(self, token: bytes) -> _Proof:
        if len(token) > TOKEN_BYTES:
            raise TokenError(f"it has more than {TOKEN_BYTES} bytes")
        parts = token.split(b".")
        if len(parts) != 3:
            raise TokenError("it is no signed token")
        header, signature = _object(parts[0]), _decoded(parts[2])
        key_id = header.get("kid")
        if "crit" in header or not isinstance(key_id, str):
            raise TokenError("its header names no key, or asks for what is not supported")
        key = self._keys.find(key_id)
        if key is None:
            raise TokenError("its key is unknown", unknown_key=True)
        if header.get("alg") != key.algorithm:
            raise TokenError("its algorithm is not that of its key")
        if not key.verifies(signature, parts[0] + b"." + parts[1]):
            raise TokenError("its signature is wrong")
        claims = _object(parts[1])
        expires = self._judged(claims)
        value = claims.get(self._claim)
        if not isinstance(value, str):
            raise TokenError(f"it has no claim {self._claim} that is a text")
        return _Proof(value, min(expires, self._now() + KEPT_SECONDS), key_id, key)

    def _judged(self, claims: dict[str, Any]) -> float:
        """When the token ends. Raises TokenError."""
        if claims.get("iss") != self._keys.issuer:
            raise TokenError("its issuer is another one")
        audiences = claims.get("aud")
        if isinstance(audiences, str):
            audiences = [audiences]
        if not isinstance(audiences, list) or len(audiences) > AUDIENCES or self._audience not in audiences:
            raise TokenError("its audience is another one")
        expires, begins = _time(claims, "exp"), _time(claims, "nbf")
        now = self._now()
        if expires is None:
            raise TokenError("it does not say when it ends")
        if expires + LEEWAY_SECONDS <= now:
            raise TokenError("it has expired")
        if begins is not None and begins - LEEWAY_SECONDS > now:
            raise TokenError("it is not valid yet")
        return expires


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TokenError(f"its {name} is no time")
    return value


def _object(part: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(_decoded(part))
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise TokenError("it is no signed token")
    return value


def _decoded(part: bytes) -> bytes:
    """Base64url without padding, which has one spelling for each content."""
    try:
        content = base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        content = b""
    if not content or base64.urlsafe_b64encode(content).rstrip(b"=") != part:
        raise TokenError("it is no signed token")
    return content
