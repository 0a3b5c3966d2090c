# SPDX-License-Identifier: Apache-2.0
"""The authority's Secret and its published certificate, and the context that serves its leaves."""

import asyncio
import base64
import ssl
from datetime import timedelta

import pytest

from genapps.api.names import GATEWAY_CA_CONFIGMAP, GATEWAY_TLS_SECRET
from genapps.cluster.errors import UnavailableError
from genapps.gateway.tls.certificates import LEAF_LIFE, Authority, new_authority
from genapps.gateway.tls.trust import ServingCertificate, obtain_authority, publish
from tests.unit.gateway.world import NAMESPACE, NOON, Store

HOST = "gateway.genapps-system.svc"


async def obtain(store: Store) -> Authority:
    return await obtain_authority(store, NAMESPACE, HOST, NOON)


async def test_the_first_start_makes_an_authority_and_the_second_uses_it(store: Store) -> None:
    first = await obtain(store)
    assert await obtain(store) == first
    assert store.writes == 1
    kept = store.objects["Secret", NAMESPACE, GATEWAY_TLS_SECRET]["data"]
    assert base64.b64decode(kept["ca.crt"]) == first.certificate


async def test_two_that_start_together_end_with_the_same_authority(store: Store) -> None:
    class Slow(Store):
        async def create(self, manifest: dict[str, object]) -> dict[str, object]:  # type: ignore[override]
            await asyncio.sleep(0)
            return await store.create(manifest)

    slow = Slow()
    slow.objects = store.objects
    one, other = await asyncio.gather(obtain(slow), obtain(slow))
    assert one == other
    assert store.writes == 1


@pytest.mark.parametrize("data", [None, {}, {"ca.crt": "!!", "ca.key": "!!"}, {"ca.crt": "", "ca.key": ""}])
async def test_a_secret_that_holds_no_authority_is_filled(store: Store, data: object) -> None:
    metadata = {"namespace": NAMESPACE, "name": GATEWAY_TLS_SECRET}
    await store.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    authority = await obtain(store)
    assert await obtain(store) == authority
    assert store.writes == 2


async def test_an_authority_near_its_end_is_replaced(store: Store) -> None:
    old = await obtain(store)
    later = await obtain_authority(store, NAMESPACE, HOST, NOON + timedelta(days=3600))
    assert later.certificate != old.certificate
    assert await obtain_authority(store, NAMESPACE, HOST, NOON + timedelta(days=3600)) == later


async def test_without_an_api_server_there_is_no_authority(store: Store) -> None:
    store.down = True
    with pytest.raises(UnavailableError):
        await obtain(store)


async def test_the_certificate_is_published_once_and_its_key_never(store: Store) -> None:
    authority = await obtain(store)
    for _ in range(2):
        await publish(store, NAMESPACE, authority.certificate.decode())
    assert store.writes == 2
    published = store.objects["ConfigMap", NAMESPACE, GATEWAY_CA_CONFIGMAP]
    assert published["data"] == {"ca.crt": authority.certificate.decode()}


def test_a_certificate_is_renewed_at_two_thirds_of_its_life_and_not_before() -> None:
    serving = ServingCertificate(new_authority(HOST, NOON), HOST, NOON)
    first = serving.leaf
    assert serving.context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert not serving.renew_if_due(NOON + LEAF_LIFE * 2 / 3 - timedelta(seconds=1))
    assert serving.leaf is first
    assert serving.renew_if_due(NOON + LEAF_LIFE * 2 / 3)
    assert serving.leaf.certificate != first.certificate
    assert serving.leaf.expires_at == NOON + LEAF_LIFE * 2 / 3 + LEAF_LIFE
