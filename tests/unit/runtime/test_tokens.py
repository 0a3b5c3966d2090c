# SPDX-License-Identifier: Apache-2.0
"""Tokens of tenants and callers: what proves something and what does not, in whichever way it is wrong."""

import asyncio
import base64
import hmac
import json
from collections.abc import Callable
from itertools import count
from typing import Any

import jwt
import pytest

from genapps_runtime.tenancy.delivery import WANTED_SECONDS, KeyDelivery
from genapps_runtime.tenancy.keys import CONFIRMED_SECONDS, MOST_KEYS, Keys, KeysInvalidError
from genapps_runtime.tenancy.signatures import KEY_BYTES, PublicKey
from genapps_runtime.tenancy.tokens import KEPT_SECONDS, MOST_KEPT, TOKEN_BYTES, TokenError, Tokens
from tests.runtime.harness import until
from tests.support.token_issuer import AUDIENCE, NOW, TokenIssuer

SIGNING = ("ES256", "RS256", "EdDSA", "ES384", "ES512")


@pytest.fixture(scope="module")
def issuer() -> TokenIssuer:
    return TokenIssuer("https://id.example.com", *SIGNING)


class World:
    """Tokens at a time that the test sets."""

    def __init__(self, issuer: TokenIssuer, claim: str = "org") -> None:
        self.now = NOW
        self.monotonic = 0.0
        self.keys = Keys(issuer.issuer, lambda: self.monotonic)
        self.keys.replace(issuer.delivered())
        self.tokens = Tokens(self.keys, AUDIENCE, claim, lambda: self.now)

    def why(self, token: str | bytes) -> str:
        """Why the token is refused."""
        with pytest.raises(TokenError) as refused:
            self.tokens.verified(token if isinstance(token, bytes) else token.encode())
        return str(refused.value)


@pytest.mark.parametrize("algorithm", SIGNING)
def test_a_good_token_says_who_the_tenant_is(issuer: TokenIssuer, algorithm: str) -> None:
    token = issuer.token(algorithm.lower(), org="acme").encode()
    world = World(issuer)
    assert world.tokens.verified(token) == "acme"
    changed = bytearray(token)
    at = token.rindex(b".") + 5
    changed[at] = ord("A") if changed[at] != ord("A") else ord("B")
    assert "signature" in world.why(bytes(changed))


def segments(header: object, claims: object, signature: bytes = b"s") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


CLAIMS = {"iss": "https://id.example.com", "aud": AUDIENCE, "exp": NOW + 60, "org": "acme"}


def confused(issuer: TokenIssuer) -> str:
    """Signed by a shared secret which is the public key."""
    token = segments({"alg": "HS256", "kid": "rs256"}, CLAIMS).rpartition(".")[0]
    tag = hmac.digest(issuer.public("rs256"), token.encode(), "sha256")
    return f"{token}.{base64.urlsafe_b64encode(tag).rstrip(b'=').decode()}"


def without(issuer: TokenIssuer, part: int) -> str:
    parts = issuer.token(org="a").split(".")
    parts[part] = ""
    return ".".join(parts)


Make = Callable[[TokenIssuer], str]
REFUSED: list[tuple[str, str, Make]] = [
    ("no token at all", "no signed token", lambda _: "nonsense"),
    ("two parts", "no signed token", lambda i: i.token(org="a").rpartition(".")[0]),
    ("four parts", "no signed token", lambda i: i.token(org="a") + ".AAAA"),
    ("no header", "no signed token", lambda i: without(i, 0)),
    ("no claims", "signature", lambda i: without(i, 1)),
    ("no signature", "no signed token", lambda i: without(i, 2)),
    ("padding", "no signed token", lambda i: i.token(org="a") + "="),
    ("another spelling of the signature", "no signed token", lambda i: i.token("es512", org="a") + "A"),
    ("a header that is a list", "no signed token", lambda _: segments([], CLAIMS)),
    ("the algorithm none", "algorithm", lambda _: segments({"alg": "none", "kid": "es256"}, CLAIMS)),
    ("none in other letters", "algorithm", lambda _: segments({"alg": "nOnE", "kid": "es256"}, CLAIMS)),
    ("no algorithm", "algorithm", lambda _: segments({"kid": "es256"}, CLAIMS)),
    ("a public key as a shared secret", "algorithm", confused),
    ("the algorithm of another key", "algorithm", lambda _: segments({"alg": "RS256", "kid": "es256"}, CLAIMS)),
    ("the key of another algorithm", "algorithm", lambda i: i.token("es256", header={"kid": "rs256"}, org="a")),
    ("an unknown key", "key is unknown", lambda i: i.token("es256", header={"kid": "other"}, org="a")),
    ("a key id that is a path", "key is unknown", lambda i: i.token("es256", header={"kid": "../es256"}, org="a")),
    ("no key id", "names no key", lambda _: segments({"alg": "ES256"}, CLAIMS)),
    ("a key id that is a number", "names no key", lambda _: segments({"alg": "ES256", "kid": 1}, CLAIMS)),
    ("an extension that must be known", "not supported", lambda i: i.token(header={"crit": ["x"], "x": 1}, org="a")),
    ("another key of that id", "signature", lambda _: TokenIssuer().token("es256", org="a")),
    ("an empty ECDSA signature", "signature", lambda _: segments({"alg": "ES256", "kid": "es256"}, CLAIMS, bytes(64))),
    ("another issuer", "issuer", lambda i: i.token(org="a", iss="https://id.example.com/")),
    ("no issuer", "issuer", lambda i: i.token(org="a", iss=None)),
    ("another audience", "audience", lambda i: i.token(org="a", aud="app")),
    ("no audience", "audience", lambda i: i.token(org="a", aud=None)),
    ("no audience among them", "audience", lambda i: i.token(org="a", aud=["x", "y"])),
    ("too many audiences", "audience", lambda i: i.token(org="a", aud=["x"] * 16 + [AUDIENCE])),
    ("an audience that is an object", "audience", lambda i: i.token(org="a", aud={AUDIENCE: 1})),
    ("no end", "when it ends", lambda i: i.token(org="a", exp=None)),
    ("an end that is a text", "no time", lambda _: ""),
    ("expired", "expired", lambda i: i.token(org="a", exp=NOW - 30)),
    ("not yet valid", "not valid yet", lambda i: i.token(org="a", nbf=NOW + 31)),
    ("no claim", "claim org", lambda i: i.token()),
    ("a claim that is a list", "claim org", lambda i: i.token(org=["acme"])),
    ("a claim that is a number", "claim org", lambda i: i.token(org=7)),
    ("one byte too many", "more than", lambda _: "A" * (TOKEN_BYTES + 1)),
]  # fmt: skip


@pytest.mark.parametrize(("why", "make"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_proves_nothing(issuer: TokenIssuer, why: str, make: Make) -> None:
    world = World(issuer)
    token = make(issuer) or signed(issuer, b'{"iss":"%b","aud":"apps","exp":"9999999999"}' % issuer.issuer.encode())
    assert why in world.why(token)
    assert not world.tokens._proofs


def signed(issuer: TokenIssuer, claims: bytes) -> str:
    """These very claims, which PyJWT would not write."""
    return jwt.api_jws.encode(claims, issuer.keys["es256"][1], "ES256", {"kid": "es256"})


@pytest.mark.parametrize(
    "claims",
    [b'{"exp":true', b'{"exp":null', b'{"exp":NaN', b'{"exp":Infinity', b'{"exp":"1"', b'{"exp":[9]', b'{"exp":{}',
     b'{"exp":-1', b'{"exp":9999999999,"nbf":"0"', b'{"exp":9999999999,"nbf":true', b'["exp"', b"7"],
)  # fmt: skip
def test_claims_that_no_issuer_writes_are_refused(issuer: TokenIssuer, claims: bytes) -> None:
    end = b',"iss":"%b","aud":"apps","org":"a"}' % issuer.issuer.encode()
    World(issuer).why(signed(issuer, claims + (end if claims[:1] == b"{" else b"")))


def test_the_leeway_ends_at_30_seconds(issuer: TokenIssuer) -> None:
    world = World(issuer)
    assert world.tokens.verified(issuer.token(org="a", exp=NOW - 29).encode()) == "a"
    assert world.tokens.verified(issuer.token(org="b", nbf=NOW + 30).encode()) == "b"


def test_a_token_may_have_as_many_bytes_as_the_limit_says(issuer: TokenIssuer) -> None:
    token = issuer.token(org="acme", padding="x" * 5800)
    while len(token) < TOKEN_BYTES - 3:
        token = issuer.token(org="acme", padding="x" * (5800 + (TOKEN_BYTES - len(token)) * 3 // 4))
    assert World(issuer).tokens.verified(token.encode()) == "acme"


def test_a_proof_is_kept_for_a_minute_and_no_longer_than_the_token_lasts(issuer: TokenIssuer) -> None:
    world = World(issuer)
    long, short = issuer.token(org="a", exp=NOW + 600).encode(), issuer.token(org="b", exp=NOW + 10).encode()
    for token in (long, short):
        world.tokens.verified(token)
    assert sorted(proof.until - NOW for proof in world.tokens._proofs.values()) == [10, KEPT_SECONDS]
    before = dict(world.tokens._proofs)
    world.tokens.verified(long)
    assert world.tokens._proofs == before
    world.now = NOW + 41
    assert "expired" in world.why(short)
    assert len(world.tokens._proofs) == 1


def test_a_proof_goes_with_its_key_at_once() -> None:
    issuer = TokenIssuer()
    issuer.add("second")
    world = World(issuer)
    token = issuer.token("es256", org="a").encode()
    world.tokens.verified(token)
    (proof,) = world.tokens._proofs.values()
    world.keys.replace(issuer.delivered())
    assert world.keys.find("es256") is proof.key, "a key that stays is the same"
    issuer.add("es256")  # another key of that name
    world.keys.replace(issuer.delivered())
    assert "signature" in world.why(token)
    del issuer.keys["es256"]
    world.keys.replace(issuer.delivered())
    assert "unknown" in world.why(token)


def test_tokens_are_told_apart_by_all_of_their_bytes(issuer: TokenIssuer) -> None:
    """ECDSA signs the same claims in many ways: a proof is of one token, and a cut one is none."""
    world = World(issuer)
    token = issuer.token(org="a").encode()
    world.tokens.verified(token)
    world.why(token[:-1])
    world.why(token + b"A")


def test_the_proofs_that_are_kept_are_bounded(issuer: TokenIssuer) -> None:
    world = World(issuer)
    for number in range(MOST_KEPT + 1):
        world.tokens.verified(issuer.token("eddsa", org="a", jti=str(number)).encode())
    assert len(world.tokens._proofs) == MOST_KEPT


def test_keys_that_are_not_confirmed_are_not_used(issuer: TokenIssuer) -> None:
    world = World(issuer)
    world.monotonic = CONFIRMED_SECONDS - 1
    assert world.keys.usable
    world.monotonic += 1
    assert not world.keys.usable
    world.keys.replace(issuer.delivered())
    assert world.keys.usable
    assert not Keys(issuer.issuer).usable


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.example.com"}, {"issuer": ""}, {"issuer": None}, {"keys": None}, {"keys": {}},
        {"keys": [None]}, {"keys": [{"id": "a"}]}, {"keys": [{"id": "", "algorithm": "ES256", "key": "AA=="}]},
        {"keys": [{"id": "a" * 513, "algorithm": "ES256", "key": "AA=="}]},
        {"keys": [{"id": "a", "algorithm": "ES256", "key": "AA=="}]},
        {"keys": [{"id": "a", "algorithm": "ES256", "key": "not base64"}]},
        {"keys": [{"id": "a", "algorithm": "ES256", "key": "AA\u00e9="}]},
        {"keys": [{"id": "a", "algorithm": "HS256", "key": "c2VjcmV0"}]},
        {"keys": [{"id": "a", "algorithm": "ES256", "key": base64.b64encode(bytes(KEY_BYTES + 1)).decode()}]},
        {"keys": [{"id": str(n), "algorithm": "ES256", "key": ""} for n in range(MOST_KEYS + 1)]},
    ],
)  # fmt: skip
def test_keys_that_are_wrong_change_nothing(issuer: TokenIssuer, change: dict[str, Any]) -> None:
    world = World(issuer)
    before = [world.keys.find(name.lower()) for name in SIGNING]
    with pytest.raises(KeysInvalidError):
        world.keys.replace(issuer.delivered() | change)
    assert [world.keys.find(name.lower()) for name in SIGNING] == before
    assert None not in before
    nothings: list[object] = [None, [], "keys"]
    for nothing in nothings:
        with pytest.raises(KeysInvalidError):
            world.keys.replace(nothing)


def test_no_keys_at_all_are_no_keys_to_use(issuer: TokenIssuer) -> None:
    world = World(issuer)
    world.keys.replace({"issuer": issuer.issuer, "keys": []})
    assert not world.keys.usable


def test_a_key_is_of_one_algorithm(issuer: TokenIssuer) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        PublicKey("none", issuer.public("es256"))
    key = PublicKey("ES256", issuer.public("es256"))
    assert not key.verifies(b"", b"message")
    assert not key.verifies(bytes(63), b"message")


async def test_keys_are_asked_for_again_whatever_went_wrong(
    issuer: TokenIssuer, capfd: pytest.CaptureFixture[str]
) -> None:
    world, answers = World(issuer), [None, ValueError("broken"), issuer.delivered() | {"keys": []}]
    keys, ticks = world.keys, count(step=WANTED_SECONDS)

    async def fetch() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    delivery = KeyDelivery(fetch, lambda: next(ticks))
    kept = asyncio.create_task(delivery.keep(keys))
    for left in (2, 1, 0):
        delivery.want()
        await until(lambda left=left: len(answers) == left or kept.done())  # type: ignore[misc]
    assert not keys.usable
    assert "broken" in capfd.readouterr().out
    kept.cancel()
    await asyncio.wait([kept])
    assert kept.cancelled()
