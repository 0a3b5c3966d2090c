# SPDX-License-Identifier: Apache-2.0
"""Tokens that prove something, and all the ways in which they do not."""

import base64
import time
from typing import Any

import jwt
import orjson
import pytest

from genapps.api.names import TOKEN_AUDIENCE
from genapps.gateway.callers.identity import (
    REFETCH_SECONDS,
    TOKEN_LIMIT,
    Caller,
    Identities,
    KeySource,
    KeysUnavailableError,
    TokenFault,
    TokenRefusedError,
    read_keys,
)
from tests.unit.gateway.world import CHILD, ISSUER, POD_UID, Issuer, projected_claims, public_key

NO_POD = {"namespace": "genapps-run", "serviceaccount": {"name": CHILD, "uid": "x"}}


class Seconds:
    """A monotonic clock that stands until it is told to move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def identities(issuer: Issuer) -> Identities:
    return Identities(KeySource(issuer.fetch), TOKEN_AUDIENCE)


async def fault(identities: Identities, token: str) -> TokenFault:
    with pytest.raises(TokenRefusedError) as refused:
        await identities.identify(f"Bearer {token}")
    return refused.value.fault


async def test_a_projected_token_identifies_its_pod(issuer: Issuer, identities: Identities) -> None:
    assert await identities.identify(f"Bearer {issuer.token()}") == Caller("genapps-run", CHILD, CHILD, POD_UID)


CLAIMS: list[tuple[str, dict[str, Any], TokenFault]] = [
    ("a token for another audience", {"aud": ["https://kubernetes.default.svc"]}, TokenFault.WRONG_AUDIENCE),
    ("a token without an audience", {"aud": None}, TokenFault.MALFORMED),
    ("a token of another issuer", {"iss": "https://elsewhere.example"}, TokenFault.WRONG_ISSUER),
    ("an expired token", {"exp": time.time() - 60}, TokenFault.EXPIRED),
    ("a token that never expires", {"exp": None}, TokenFault.MALFORMED),
    ("a token whose expiry is no number", {"exp": "tomorrow"}, TokenFault.MALFORMED),
    ("a token of the future", {"nbf": time.time() + 3600}, TokenFault.NOT_YET_VALID),
    ("a token that is not bound to a pod", {"kubernetes.io": NO_POD}, TokenFault.NOT_BOUND_TO_A_POD),
    ("a token without Kubernetes' claims", {"kubernetes.io": None}, TokenFault.NOT_BOUND_TO_A_POD),
    ("claims of another shape", {"kubernetes.io": ["pod"]}, TokenFault.NOT_BOUND_TO_A_POD),
    ("a subject that is not the account", {"sub": "system:serviceaccount:genapps-run:other"}, TokenFault.MALFORMED),
]


@pytest.mark.parametrize(("claims", "expected"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS])
async def test_refused(issuer: Issuer, identities: Identities, claims: dict[str, Any], expected: TokenFault) -> None:
    assert await fault(identities, issuer.token(claims)) is expected


async def test_a_token_is_good_for_a_few_seconds_after_its_end(issuer: Issuer) -> None:
    end = float(int(time.time()))
    token = issuer.token({"exp": end})
    late = Identities(KeySource(issuer.fetch), TOKEN_AUDIENCE, now=lambda: end + 4.9)
    assert (await late.identify(f"Bearer {token}")).pod_uid == POD_UID
    too_late = Identities(KeySource(issuer.fetch), TOKEN_AUDIENCE, now=lambda: end + 5.0)
    assert await fault(too_late, token) is TokenFault.EXPIRED


async def test_a_token_that_was_good_is_refused_once_it_has_ended(issuer: Issuer) -> None:
    now = [time.time()]
    identities = Identities(KeySource(issuer.fetch), TOKEN_AUDIENCE, now=lambda: now[0])
    token = issuer.token()
    await identities.identify(f"Bearer {token}")
    now[0] += 600
    assert await fault(identities, token) is TokenFault.EXPIRED


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
async def test_no_bearer_no_caller(identities: Identities, header: str | None) -> None:
    with pytest.raises(TokenRefusedError) as refused:
        await identities.identify(header)
    assert refused.value.fault is TokenFault.MISSING


async def test_an_oversized_token_is_refused_unread(issuer: Issuer, identities: Identities) -> None:
    assert await fault(identities, "x" * (TOKEN_LIMIT + 1)) is TokenFault.OVERSIZED
    assert issuer.fetches == 0


@pytest.mark.parametrize("token", ["x", "a.b.c", "....", "\x00", "eyJhbGciOiJSUzI1NiJ9.e30.AA"])
async def test_nonsense_is_malformed(identities: Identities, token: str) -> None:
    assert await fault(identities, token) is TokenFault.MALFORMED


async def test_an_unsigned_token_is_refused(issuer: Issuer, identities: Identities) -> None:
    unsigned = jwt.encode(projected_claims(), "", algorithm="none", headers={"kid": issuer.key_id})
    assert await fault(identities, unsigned) is TokenFault.WRONG_ALGORITHM


async def test_a_public_key_is_not_a_shared_secret(issuer: Issuer, identities: Identities) -> None:
    """The classic confusion: HS256 with the published key as the secret."""
    parts = [{"alg": "HS256", "typ": "JWT", "kid": issuer.key_id}, projected_claims()]
    signed = b".".join(base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=") for part in parts)
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(hmac.sign(signed, issuer.public_pem)).rstrip(b"=")
    assert await fault(identities, (signed + b"." + signature).decode()) is TokenFault.WRONG_ALGORITHM


async def test_a_signature_of_another_key_under_a_known_id_is_refused(issuer: Issuer, identities: Identities) -> None:
    stranger = Issuer(issuer.key_id)
    assert await fault(identities, stranger.token()) is TokenFault.WRONG_SIGNATURE


async def test_changed_claims_break_the_signature(issuer: Issuer, identities: Identities) -> None:
    head, _, signature = issuer.token().split(".")
    changed = base64.urlsafe_b64encode(orjson.dumps(projected_claims() | {"exp": 9e9})).rstrip(b"=").decode()
    assert await fault(identities, f"{head}.{changed}.{signature}") is TokenFault.WRONG_SIGNATURE


async def test_unknown_key_ids_fetch_keys_at_most_every_ten_seconds(issuer: Issuer) -> None:
    clock = Seconds()
    identities = Identities(KeySource(issuer.fetch, clock), TOKEN_AUDIENCE)
    await identities.identify(f"Bearer {issuer.token()}")
    assert issuer.fetches == 1
    for number in range(50):
        assert await fault(identities, issuer.token(kid=f"unknown-{number}")) is TokenFault.UNKNOWN_KEY
    assert issuer.fetches == 1
    clock.now += REFETCH_SECONDS
    for number in range(50):
        assert await fault(identities, issuer.token(kid=f"unknown-{number}")) is TokenFault.UNKNOWN_KEY
    assert issuer.fetches == 2


async def test_a_new_key_is_found_and_a_withdrawn_one_forgotten(issuer: Issuer) -> None:
    clock = Seconds()
    identities = Identities(KeySource(issuer.fetch, clock), TOKEN_AUDIENCE)
    token = issuer.token()
    await identities.identify(f"Bearer {token}")
    successor = Issuer("second")
    issuer.published = [public_key(successor.key, "second")]
    clock.now += REFETCH_SECONDS
    assert (await identities.identify(f"Bearer {successor.token()}")).pod_uid == POD_UID
    assert await fault(identities, token) is TokenFault.UNKNOWN_KEY, "although it was good before"


async def test_without_keys_nobody_is_identified_and_nobody_is_refused_for_good(issuer: Issuer) -> None:
    issuer.down = True
    with pytest.raises(KeysUnavailableError):
        await Identities(KeySource(issuer.fetch), TOKEN_AUDIENCE).identify(f"Bearer {issuer.token()}")


async def test_known_keys_stay_in_use_when_they_cannot_be_fetched_again(issuer: Issuer) -> None:
    keys = KeySource(issuer.fetch)
    assert await keys.refresh()
    issuer.down = True
    assert not await keys.refresh()
    assert (await Identities(keys, TOKEN_AUDIENCE).identify(f"Bearer {issuer.token()}")).pod_uid == POD_UID


def test_only_asymmetric_signature_keys_are_taken(session_issuer: Issuer) -> None:
    good = public_key(session_issuer.key, "good")
    keys = [
        good,
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric", "alg": "HS256"},
        good | {"kid": "for-encryption", "use": "enc"},
        good | {"kid": "symmetric-name", "alg": "HS256"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "!"},
        good | {"kid": None},
        "nonsense",
    ]
    found = read_keys(f'{{"issuer": "{ISSUER}"}}', orjson.dumps({"keys": keys}).decode())
    assert (found.issuer, list(found.by_id)) == (ISSUER, ["good"])


@pytest.mark.parametrize(
    ("discovery", "key_set"),
    [
        ("{}", '{"keys": []}'),
        ('{"issuer": 7}', '{"keys": []}'),
        ('{"issuer": "x"}', "[]"),
        ('{"issuer": "x"}', '{"keys": 7}'),
        ("not json", '{"keys": []}'),
        ('{"issuer": "x"}', " " * 300_000),
        ('{"issuer": "x"}', orjson.dumps({"keys": [{}] * 65}).decode()),
    ],
)
def test_documents_of_another_shape_are_refused(discovery: str, key_set: str) -> None:
    with pytest.raises(ValueError, match=r"issuer|key set|large|JSON|expected|literal"):
        read_keys(discovery, key_set)
