# SPDX-License-Identifier: Apache-2.0
"""Keys of issuers of tenants' tokens: what is taken of what they publish, for how long, and for whom."""

import base64
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

from genapps.gateway.callers.issuers import (
    AGAIN_SECONDS,
    DOCUMENT_BYTES,
    FRESH_SECONDS,
    MOST_ISSUERS,
    MOST_KEYS,
    TRUSTED_SECONDS,
    Issuers,
    https_documents,
    key_set_address,
    read_key_set,
)
from genapps.gateway.callers.records import Records
from genapps.gateway.callers.token_keys import delivered
from genapps_runtime.tenancy.keys import Keys as RuntimeKeys
from genapps_runtime.tenancy.tokens import Tokens
from tests.runtime.fake_gateway import Authority
from tests.support.token_issuer import AUDIENCE, ISSUER, NOW, TokenIssuer
from tests.unit.gateway.world import Installation, Issuer, app_record

KEYS = "https://keys.example.com/set"


def published(issuer: TokenIssuer) -> dict[str, Any]:
    """The key set as issuers publish it."""
    keys = []
    for key_id, (algorithm, key) in issuer.keys.items():
        encoder = jwt.get_algorithm_by_name(algorithm)
        jwk: dict[str, Any] = encoder.to_jwk(key.public_key(), as_dict=True)
        keys.append(jwk | {"kid": key_id, "alg": algorithm, "use": "sig"})
    return {"keys": keys}


class World:
    """Issuers on the Internet: documents by address, or an error in their place."""

    def __init__(self, *wanted: str) -> None:
        self.wanted = set(wanted)
        self.documents: dict[str, bytes | Exception] = {}
        self.asked: list[str] = []
        self.now = 0.0
        self.issuers = Issuers(lambda: self.wanted, self._fetch, lambda: self.now)

    def publish(self, issuer: TokenIssuer) -> None:
        address = f"{KEYS}/{issuer.issuer[8:]}"
        discovery = {"issuer": issuer.issuer, "jwks_uri": address}
        self.documents[f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration"] = orjson.dumps(discovery)
        self.documents[address] = orjson.dumps(published(issuer))

    async def _fetch(self, url: str) -> bytes:
        self.asked.append(url)
        found = self.documents.get(url, ValueError("404"))
        if isinstance(found, Exception):
            raise found
        return found

    async def after(self, seconds: float) -> None:
        self.now += seconds
        await self.issuers.refresh()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_runtime_verifies_with_them_what_the_issuer_signs(algorithm: str) -> None:
    issuer, world = TokenIssuer(ISSUER, algorithm), World(ISSUER)
    world.publish(issuer)
    await world.issuers.refresh()
    found = world.issuers.current(ISSUER)
    assert found is not None
    keys = RuntimeKeys(ISSUER)
    keys.replace(json.loads(json.dumps(delivered(found))))
    assert Tokens(keys, AUDIENCE, "org", lambda: NOW).verified(issuer.token(org="acme").encode()) == "acme"


async def test_keys_are_read_again_each_minute_and_the_old_ones_go() -> None:
    issuer, world = TokenIssuer(), World(ISSUER)
    world.publish(issuer)
    await world.issuers.refresh()
    first = world.issuers.current(ISSUER)
    await world.after(FRESH_SECONDS - 1)
    assert len(world.asked) == 2
    await world.after(1)
    assert len(world.asked) == 4
    assert world.issuers.current(ISSUER) is first, "the same keys are the same object"
    del issuer.keys["es256"]
    issuer.add("newer", "EdDSA")
    world.publish(issuer)
    await world.after(FRESH_SECONDS)
    found = world.issuers.current(ISSUER)
    assert found is not None
    assert set(found.by_id) == {"newer"}


async def test_an_issuer_that_fails_keeps_its_keys_for_an_hour_and_others_are_not_kept_waiting() -> None:
    issuer, other, world = TokenIssuer(), TokenIssuer("https://other.example.com/realm/"), World(ISSUER)
    world.wanted.add(other.issuer)
    world.publish(issuer)
    world.publish(other)
    await world.issuers.refresh()
    world.documents = {url: RuntimeError("odd") if ISSUER in url else found for url, found in world.documents.items()}
    asked = len(world.asked)
    await world.after(FRESH_SECONDS)
    await world.after(AGAIN_SECONDS)
    assert [url for url in world.asked[asked:] if ISSUER in url] == [f"{ISSUER}/.well-known/openid-configuration"] * 2
    assert world.issuers.current(ISSUER) is not None
    await world.after(TRUSTED_SECONDS - FRESH_SECONDS - AGAIN_SECONDS)
    assert world.issuers.current(ISSUER) is None
    assert world.issuers.current(other.issuer) is not None


async def test_an_issuer_that_nobody_needs_is_forgotten_and_their_number_is_bounded() -> None:
    issuer, world = TokenIssuer(), World(ISSUER)
    world.publish(issuer)
    await world.issuers.refresh()
    world.wanted = {f"https://{number}.example.com" for number in range(MOST_ISSUERS + 1)}
    world.asked.clear()
    await world.issuers.refresh()
    assert world.issuers.current(ISSUER) is None
    assert len(world.asked) == MOST_ISSUERS


DISCOVERIES = [
    {"issuer": "https://other.example.com", "jwks_uri": KEYS}, {"issuer": f"{ISSUER}/", "jwks_uri": KEYS},
    {"jwks_uri": KEYS}, {"issuer": ISSUER}, {"issuer": ISSUER, "jwks_uri": "http://keys.example.com"},
    {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}, {"issuer": ISSUER, "jwks_uri": ["https://a"]},
    {"issuer": ISSUER, "jwks_uri": "https://a\r\nb"}, [], None, "text",
]  # fmt: skip


@pytest.mark.parametrize("document", DISCOVERIES)
def test_discovery_that_leads_elsewhere_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="document"):
        key_set_address(ISSUER, orjson.dumps(document))


def jwk(key: Any, **changes: Any) -> dict[str, Any]:
    name = "RS256" if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) else "ES256"
    found: dict[str, Any] = jwt.get_algorithm_by_name(name).to_jwk(key, as_dict=True)
    return {name: value for name, value in (found | {"kid": "a", "use": "sig"} | changes).items() if value is not None}


EC = ec.generate_private_key(ec.SECP256R1())
ED448 = base64.urlsafe_b64encode(ed448.Ed448PrivateKey.generate().public_key().public_bytes_raw()).decode().rstrip("=")
LEFT_OUT = {
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"},
    "a private key": jwk(EC),
    "a key for encryption": jwk(EC.public_key(), use="enc"),
    "no id": jwk(EC.public_key(), kid=None),
    "an id that is a number": jwk(EC.public_key(), kid=7),
    "an empty id": jwk(EC.public_key(), kid=""),
    "another curve": jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), alg="ES384"),
    "a curve under another's name": jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), alg="ES256"),
    "RSA that is too short": jwk(rsa.generate_private_key(65537, 1024).public_key()),
    "RSA with another padding": jwk(rsa.generate_private_key(65537, 2048).public_key(), alg="PS256"),
    "Ed448": {"kty": "OKP", "crv": "Ed448", "x": ED448, "kid": "a", "alg": "EdDSA"},
    "a point that is on no curve": jwk(EC.public_key(), x="AAAA"),
    "no object": "key",
}


@pytest.mark.parametrize("key", LEFT_OUT.values(), ids=LEFT_OUT)
def test_keys_that_no_token_may_be_signed_with_are_left_out(key: Any) -> None:
    good = jwk(EC.public_key(), kid="good")
    assert set(read_key_set(ISSUER, orjson.dumps({"keys": [key, good]})).by_id) == {"good"}


@pytest.mark.parametrize("document", [{}, [], {"keys": {}}, {"keys": [jwk(EC.public_key())] * (MOST_KEYS + 1)}])
def test_what_is_no_key_set_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="no list"):
        read_key_set(ISSUER, orjson.dumps(document))


async def test_an_app_gets_the_keys_of_its_own_issuer_only() -> None:
    gateway, world, issuer = Installation(Issuer()), World(ISSUER), TokenIssuer()
    world.publish(issuer)
    await world.issuers.refresh()
    found = world.issuers.current(ISSUER)
    assert found is not None
    gateway.of_issuers[ISSUER] = found
    for wanted, given in ((ISSUER, ISSUER), ("https://other.example.com", None)):
        gateway.records.changed(app_record(tokenKeys={"issuer": wanted}))
        keys = (await gateway.post("/v1/heartbeat", {})).json()["tenantKeys"]
        assert (keys and keys["issuer"]) == given


def test_only_living_apps_name_issuers() -> None:
    records = Records(on_gone=lambda _child: None)
    records.listed([app_record(tokenKeys={"issuer": ISSUER})], "7")
    assert records.issuers() == {ISSUER}
    records.changed(app_record(tokenKeys={"issuer": ISSUER}, deletedAt=dt.datetime.now(dt.UTC).isoformat()))
    assert records.issuers() == set()


@pytest.fixture
async def website(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """An issuer over TLS with a private authority: its address, and the authority's certificate."""
    authority = Authority.make("localhost", "127.0.0.1")
    app = web.Application()

    async def moved(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/good")

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.match_info["size"]))

    app.router.add_get("/moved", moved)
    app.router.add_get("/{size:\\d+}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context(tmp_path)).start()
    (tmp_path / "ca.crt").write_bytes(authority.ca)
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", tmp_path / "ca.crt"
    await runner.cleanup()


async def test_documents_come_over_trusted_tls_and_are_bounded(website: tuple[str, Path]) -> None:
    address, ca = website
    async with https_documents(ca) as fetch:
        assert len(await fetch(f"{address}/{DOCUMENT_BYTES}")) == DOCUMENT_BYTES
        with pytest.raises(ValueError, match="more than"):
            await fetch(f"{address}/{DOCUMENT_BYTES + 1}")
        with pytest.raises(ValueError, match="answered 302"):
            await fetch(f"{address}/moved")
        with pytest.raises(ValueError, match="answered 404"):
            await fetch(f"{address}/nothing")
    async with https_documents(None) as fetch:
        with pytest.raises(OSError, match="certificate"):
            await fetch(f"{address}/1")
