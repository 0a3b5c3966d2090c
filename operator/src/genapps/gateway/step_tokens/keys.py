# SPDX-License-Identifier: Apache-2.0
"""The keys that sign step tokens: pure functions, `now` is an argument.

There are three at most: the one that signed before, the one that signs, and the one that signs next. Verifiers see all
of them, so they know each key long before it signs, and as long as a token of it lasts. The algorithm is ES256.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ALGORITHM = "ES256"
TOKEN_TYPE = "txntoken+jwt"  # noqa: S105 (a media type)
LIFE_SECONDS = 24 * 3600.0
"""For so long a key signs, then the next one does."""
AHEAD_SECONDS = 600.0
"""At least for so long a key is published before it signs; the very first one has nobody to surprise."""
SKEW_SECONDS = 300.0
"""The first key of all signs from a little before it is made: clocks of nodes differ."""
_KEPT = 3
_COORDINATE_BYTES = 32
_PSEUDONYM_KEY_BYTES = 32
_STORED_BYTES = 16 * 1024

_SHA256 = ec.ECDSA(hashes.SHA256())


class KeysUnreadableError(ValueError):
    """Stored keys cannot be used; the message says why, and holds none of them."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key and the time from which it signs."""

    kid: str
    """The thumbprint of its public half (RFC 7638)."""
    signs_from: float
    """Seconds since 1970."""
    private: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)
    head: bytes = field(repr=False, compare=False)
    """The first part of each token, and its dot."""

    def token(self, claims: dict[str, Any]) -> str:
        """The claims, signed: a JWS in compact form."""
        signed = self.head + base64url(orjson.dumps(claims))
        r, s = decode_dss_signature(self.private.sign(signed, _SHA256))
        signature = r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
        return (signed + b"." + base64url(signature)).decode("ascii")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys that sign, the oldest first, and the one that makes pseudonyms, which stays."""

    keys: tuple[SigningKey, ...]
    pseudonym_key: bytes = field(repr=False)

    def at(self, now: float) -> SigningKey | None:
        """The key that signs now; None when the clock is before all of them."""
        return next((key for key in reversed(self.keys) if key.signs_from <= now), None)

    def published(self) -> bytes:
        """The public halves as a JWKS (RFC 7517)."""
        return orjson.dumps({"keys": [_public(key) for key in self.keys]})


def base64url(content: bytes) -> bytes:
    """As in tokens: without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def new_key(signs_from: float) -> SigningKey:
    """A key that nobody has seen."""
    return _signing_key(ec.generate_private_key(ec.SECP256R1()), signs_from)


def rotated(ring: KeyRing | None, now: float) -> KeyRing:
    """The ring as it should be now: one key signs, and another one is published that signs next."""
    keys: Sequence[SigningKey] = () if ring is None else ring.keys
    if not keys or keys[0].signs_from > now:
        # There are none, or the clock was set back and all of them are of the future.
        keys = (new_key(now - SKEW_SECONDS),)
    newest = keys[-1]
    if newest.signs_from <= now:
        keys = (*keys, new_key(max(now + AHEAD_SECONDS, newest.signs_from + LIFE_SECONDS)))
    pseudonym_key = secrets.token_bytes(_PSEUDONYM_KEY_BYTES) if ring is None else ring.pseudonym_key
    return KeyRing(tuple(keys[-_KEPT:]), pseudonym_key)


def stored(ring: KeyRing) -> bytes:
    """As JSON, for the Secret."""
    keys = [
        {"signsFrom": key.signs_from, "key": base64.b64encode(_private_der(key.private)).decode("ascii")}
        for key in ring.keys
    ]
    return orjson.dumps({"keys": keys, "pseudonymKey": base64.b64encode(ring.pseudonym_key).decode("ascii")})


def read(content: bytes) -> KeyRing:
    """What `stored` wrote. Raises KeysUnreadableError."""
    if len(content) > _STORED_BYTES:
        raise KeysUnreadableError(f"more than {_STORED_BYTES} bytes")
    try:
        document = orjson.loads(content)
        pseudonym_key = base64.b64decode(document["pseudonymKey"], validate=True)
        keys = tuple(_read_key(entry) for entry in document["keys"])
    except (ValueError, TypeError, KeyError) as error:
        raise KeysUnreadableError(f"not in the form of this gateway ({type(error).__name__})") from error
    times = [key.signs_from for key in keys]
    if not 1 <= len(keys) <= _KEPT or times != sorted(times) or len(pseudonym_key) != _PSEUDONYM_KEY_BYTES:
        raise KeysUnreadableError("too many or too few keys, or not in their order")
    return KeyRing(keys, pseudonym_key)


def _read_key(entry: dict[str, Any]) -> SigningKey:
    private = serialization.load_der_private_key(base64.b64decode(entry["key"], validate=True), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise KeysUnreadableError("not a key of the curve P-256")
    return _signing_key(private, float(entry["signsFrom"]))


def _signing_key(private: ec.EllipticCurvePrivateKey, signs_from: float) -> SigningKey:
    canonical = orjson.dumps(_coordinates(private), option=orjson.OPT_SORT_KEYS)
    kid = base64url(hashlib.sha256(canonical).digest()).decode("ascii")
    head = base64url(orjson.dumps({"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": kid})) + b"."
    return SigningKey(kid, signs_from, private, head)


def _public(key: SigningKey) -> dict[str, str]:
    return {**_coordinates(key.private), "kid": key.kid, "use": "sig", "alg": ALGORITHM}


def _coordinates(private: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The members of a JWK that name the key, and no others."""
    numbers = private.public_key().public_numbers()
    x, y = (base64url(number.to_bytes(_COORDINATE_BYTES, "big")).decode("ascii") for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _private_der(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
