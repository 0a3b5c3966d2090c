# SPDX-License-Identifier: Apache-2.0
"""A certificate from a Secret of somebody else: judged as a runtime would, and renewed without a gap."""

import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genapps.api.names import GATEWAY_CA_CONFIGMAP
from genapps.cluster.errors import UnavailableError
from genapps.gateway.tls.certificates import Authority, AuthorityError, new_authority, new_leaf
from genapps.gateway.tls.provided import SPREAD, Provided, ProvidedCertificate
from tests.unit.gateway.world import NAMESPACE, Store

HOST = "gateway.genapps-system.svc"
NAME = "gateway-certificate"
NOW = datetime.now(UTC)
"""The handshake in memory goes by this machine's clock."""
ONE, OTHER = new_authority(HOST, NOW), new_authority(HOST, NOW)
ENDED = new_leaf(ONE, HOST, NOW - timedelta(days=100))


def pem(*authorities: Authority) -> str:
    return "".join(one.certificate.decode() for one in authorities)


async def issue(store: Store, authority: Authority, **replaced: bytes | None) -> None:
    """As cert-manager writes it; `replaced` are members, None leaves one out."""
    leaf = new_leaf(authority, HOST, NOW)
    data = {"ca.crt": authority.certificate, "tls.crt": leaf.certificate, "tls.key": leaf.key}
    changed = data | {name.replace("_", "."): value for name, value in replaced.items()}
    encoded = {name: base64.b64encode(value).decode() for name, value in changed.items() if value is not None}
    metadata = {"namespace": NAMESPACE, "name": NAME}
    await store.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})


async def obtain(store: Store, now: datetime = NOW) -> ProvidedCertificate:
    return await ProvidedCertificate.obtain(store, NAMESPACE, NAME, HOST, now)


def published(store: Store) -> str:
    return str(store.objects["ConfigMap", NAMESPACE, GATEWAY_CA_CONFIGMAP]["data"]["ca.crt"])


def trusted_by(serving: ProvidedCertificate, *authorities: Authority) -> bool:
    """Whether a client that trusts these accepts what is served."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=pem(*authorities))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname=HOST)
    answering = serving.context.wrap_bio(there, back, server_side=True)
    for _ in range(3):
        for end in (asking, answering):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError:
                return False
    return True


async def test_the_first_gateway_serves_and_publishes_at_once(store: Store) -> None:
    await issue(store, ONE)
    serving = await obtain(store)
    assert trusted_by(serving, ONE)
    assert not trusted_by(serving, OTHER)
    assert published(store) == pem(ONE)
    await serving.until_trusted()
    assert serving.expires_at > NOW


async def test_a_renewed_certificate_of_the_same_authority_is_served_at_once(store: Store) -> None:
    await issue(store, ONE)
    serving = await obtain(store)
    before = serving._served
    await issue(store, ONE)
    await serving.look(NOW)
    assert serving._served.chain != before.chain
    assert published(store) == pem(ONE)


async def test_a_new_authority_is_published_beside_the_old_one_before_it_is_served(store: Store) -> None:
    await issue(store, ONE)
    serving = await obtain(store)
    await issue(store, OTHER)
    for after in (timedelta(), SPREAD - timedelta(seconds=1)):
        await serving.look(NOW + after)
        assert trusted_by(serving, ONE), "no pod may trust the new one yet"
        assert published(store) == pem(OTHER, ONE)
    for after in (SPREAD, 2 * SPREAD - timedelta(seconds=1)):
        await serving.look(NOW + after)
        assert trusted_by(serving, OTHER)
        assert published(store) == pem(OTHER, ONE), "the other gateway may still serve the old one"
    await serving.look(NOW + 2 * SPREAD)
    assert published(store) == pem(OTHER), "the old one is trusted no more"


async def test_a_gateway_that_starts_under_another_authority_waits_until_apps_trust_its_own(store: Store) -> None:
    await issue(store, ONE)
    await obtain(store)
    await issue(store, OTHER)
    serving = await obtain(store)
    assert published(store) == pem(OTHER, ONE), "the old gateways still serve"
    slept: list[datetime] = []

    def clock() -> datetime:
        slept.append(NOW)
        return NOW + SPREAD

    await serving.until_trusted(clock)
    assert slept, "it has asked for the time that is left"
    await serving.look(NOW + SPREAD)
    assert trusted_by(serving, OTHER)
    await serving.look(NOW + 2 * SPREAD)
    assert published(store) == pem(OTHER)


async def test_a_gateway_that_starts_during_the_change_keeps_both_published(store: Store) -> None:
    await issue(store, ONE)
    first = await obtain(store)
    await issue(store, OTHER)
    await first.look(NOW)
    second = await obtain(store)
    assert published(store) == pem(OTHER, ONE)
    await second.until_trusted()
    await second.look(NOW + 2 * SPREAD)
    assert published(store) == pem(OTHER)


BROKEN: dict[str, Callable[[], dict[str, Any]]] = {
    "no authority": lambda: {"ca_crt": None},
    "no key": lambda: {"tls_key": None},
    "an empty chain": lambda: {"tls_crt": b""},
    "no PEM": lambda: {"tls_crt": b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"},
    "the key of another certificate": lambda: {"tls_key": new_leaf(ONE, HOST, NOW).key},
    "another authority": lambda: {"ca_crt": OTHER.certificate},
    "an authority that is too large": lambda: {"ca_crt": ONE.certificate * 120},
    "an authority that is not text": lambda: {"ca_crt": b"\xff"},
    "a certificate that has ended": lambda: {"tls_crt": ENDED.certificate, "tls_key": ENDED.key},
}


@pytest.mark.parametrize("title", BROKEN)
async def test_a_secret_that_is_of_no_use_starts_nothing_and_replaces_nothing(store: Store, title: str) -> None:
    await issue(store, ONE, **BROKEN[title]())
    with pytest.raises(AuthorityError, match=NAME):
        await obtain(store)
    assert ("ConfigMap", NAMESPACE, GATEWAY_CA_CONFIGMAP) not in store.objects
    await issue(store, ONE)
    serving = await obtain(store)
    before = serving._served
    await issue(store, ONE, **BROKEN[title]())
    await serving.look(NOW)
    assert serving._served is before
    assert published(store) == pem(ONE)


async def test_a_certificate_for_another_name_is_of_no_use(store: Store) -> None:
    await issue(store, ONE)
    with pytest.raises(AuthorityError, match=r"gateway\.elsewhere\.svc"):
        await ProvidedCertificate.obtain(store, NAMESPACE, NAME, "gateway.elsewhere.svc", NOW)


async def test_a_secret_that_is_not_there_starts_nothing_and_ends_nothing(store: Store) -> None:
    with pytest.raises(AuthorityError, match=r"gateway\.tls\.secretName"):
        await obtain(store)
    await issue(store, ONE)
    serving = await obtain(store)
    del store.objects["Secret", NAMESPACE, NAME]
    await serving.look(NOW)
    assert trusted_by(serving, ONE)


async def test_an_api_server_that_is_away_changes_nothing(store: Store) -> None:
    await issue(store, ONE)
    serving = await obtain(store)
    store.down = True
    with pytest.raises(UnavailableError):
        await serving.look(NOW)
    assert trusted_by(serving, ONE)


def test_the_key_is_in_no_representation() -> None:
    leaf = new_leaf(ONE, HOST, NOW)
    assert "PRIVATE" not in repr(Provided(pem(ONE), leaf.certificate, leaf.key, NOW))
