# SPDX-License-Identifier: Apache-2.0
"""Which key signs when, and in what form keys are kept and published."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from genapps.gateway.step_tokens.keys import (
    AHEAD_SECONDS,
    LIFE_SECONDS,
    SKEW_SECONDS,
    KeyRing,
    KeysUnreadableError,
    new_key,
    read,
    rotated,
    stored,
)

NOW = 1_795_000_000.0


def kids(ring: KeyRing) -> list[str]:
    return [key.kid for key in ring.keys]


def signing(ring: KeyRing, now: float) -> str:
    key = ring.at(now)
    assert key is not None
    return key.kid


def test_the_first_key_signs_at_once_and_the_next_one_is_published_a_life_ahead() -> None:
    first, following = rotated(None, NOW).keys
    assert first.signs_from == NOW - SKEW_SECONDS
    assert following.signs_from == first.signs_from + LIFE_SECONDS
    assert following.signs_from >= NOW + AHEAD_SECONDS


def test_keys_follow_each_other_and_those_that_signed_before_stay_for_one_turn() -> None:
    ring = rotated(None, NOW)
    first, second = kids(ring)
    assert rotated(ring, NOW + LIFE_SECONDS - SKEW_SECONDS - 1) == ring
    turn = NOW + LIFE_SECONDS - SKEW_SECONDS
    assert signing(ring, turn - 1) == first
    assert signing(ring, turn) == second
    later = rotated(ring, turn)
    assert kids(later)[:2] == [first, second]
    third = kids(later)[2]
    latest = rotated(later, turn + LIFE_SECONDS)
    assert kids(latest)[:2] == [second, third]
    assert len(latest.keys) == 3
    assert latest.pseudonym_key == ring.pseudonym_key


def test_a_key_that_comes_late_is_still_published_ten_minutes_before_it_signs() -> None:
    ring = rotated(None, NOW)
    late = NOW + 5 * LIFE_SECONDS
    assert rotated(ring, late).keys[-1].signs_from == late + AHEAD_SECONDS
    assert signing(rotated(ring, late), late) == ring.keys[-1].kid


def test_a_clock_that_was_set_back_before_all_keys_gets_new_ones() -> None:
    ring = rotated(None, NOW)
    assert rotated(ring, NOW - SKEW_SECONDS) == ring
    before = NOW - SKEW_SECONDS - 1
    assert ring.at(before) is None
    assert set(kids(rotated(ring, before))).isdisjoint(kids(ring))


def test_what_is_stored_is_read_again_and_shows_no_key() -> None:
    ring = rotated(None, NOW)
    again = read(stored(ring))
    assert (again, again.pseudonym_key) == (ring, ring.pseudonym_key)
    token = again.keys[0].token({"a": 1})
    published = jwt.PyJWKSet.from_json(ring.published().decode())
    assert jwt.decode(token, published[ring.keys[0].kid], algorithms=["ES256"]) == {"a": 1}
    assert "private" not in repr(ring)
    assert repr(ring.pseudonym_key) not in repr(ring)


def test_only_public_halves_are_published() -> None:
    for key in json.loads(rotated(None, NOW).published())["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_a_key_is_named_by_its_thumbprint() -> None:
    (key, _) = json.loads(rotated(None, NOW).published())["keys"]
    public = jwt.PyJWK.from_dict(key).key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert len(public) == 65
    assert len(base64.urlsafe_b64decode(key["kid"] + "=")) == 32


def der(private: Any) -> str:
    form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return base64.b64encode(private.private_bytes(*form)).decode()


def document(**changes: Any) -> bytes:
    ring = KeyRing((new_key(1.0),), b"p" * 32)
    return json.dumps(json.loads(stored(ring)) | changes).encode()


def entry(private: Any, signs_from: Any = 1.0) -> dict[str, Any]:
    return {"key": der(private), "signsFrom": signs_from}


P256 = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        document(keys=[]),
        document(keys=[entry(P256)] * 4),
        document(keys=[entry(P256, 2.0), entry(P256, 1.0)]),
        document(keys=[entry(P256, "soon")]),
        document(keys=[entry(ed25519.Ed25519PrivateKey.generate())]),
        document(keys=[entry(ec.generate_private_key(ec.SECP384R1()))]),
        document(keys=[{"key": "AAAA", "signsFrom": 1.0}]),
        document(pseudonymKey=base64.b64encode(b"p" * 31).decode()),
        document(more="x" * 16 * 1024),
    ],
)
def test_keys_that_cannot_be_used_are_refused(content: bytes) -> None:
    with pytest.raises(KeysUnreadableError):
        read(content)


def test_three_keys_are_read() -> None:
    assert len(read(document(keys=[entry(P256, float(number)) for number in range(3)])).keys) == 3
