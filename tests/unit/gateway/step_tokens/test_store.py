# SPDX-License-Identifier: Apache-2.0
"""The keys in the gateway's Secret, which all gateways share, and their public halves where verifiers find them."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from genapps.api.names import GATEWAY_TLS_SECRET, STEP_TOKEN_KEYS_CONFIGMAP
from genapps.cluster.errors import UnavailableError
from genapps.gateway.step_tokens.keys import LIFE_SECONDS, KeysUnreadableError
from genapps.gateway.step_tokens.published import PublishedKeys
from genapps.gateway.step_tokens.store import ENTRY, StepTokenKeys
from genapps.gateway.tls.trust import obtain_authority
from tests.unit.gateway.world import NAMESPACE, NOON, Clock, Store

HOST = "gateway.genapps-system.svc"


def keys(store: Store, clock: Clock | None = None) -> StepTokenKeys:
    clock = clock or Clock()
    return StepTokenKeys(store, NAMESPACE, clock=lambda: clock.now.timestamp())


def published(store: Store) -> list[str]:
    content = store.objects["ConfigMap", NAMESPACE, STEP_TOKEN_KEYS_CONFIGMAP]["data"]
    return [key["kid"] for key in json.loads(content["jwks.json"])["keys"]]


def held(of: StepTokenKeys) -> list[str]:
    assert of.ring is not None
    return [key.kid for key in of.ring.keys]


async def test_gateways_that_start_together_sign_with_the_same_keys_and_publish_them(store: Store) -> None:
    one, other = keys(store), keys(store)
    await asyncio.gather(one.refresh(), other.refresh())
    assert held(one) == held(other) == published(store)
    assert one.ring is not None
    assert other.ring is not None
    assert one.ring.pseudonym_key == other.ring.pseudonym_key


async def test_gateways_that_find_a_key_due_at_once_make_one(store: Store) -> None:
    clock = Clock()
    one, other = keys(store, clock), keys(store, clock)
    await one.refresh()
    await other.refresh()
    before = held(one)
    clock.forward(seconds=LIFE_SECONDS)
    await asyncio.gather(one.refresh(), other.refresh())
    assert held(one) == held(other) == published(store)
    assert held(one)[:2] == before
    assert len(held(one)) == 3


async def test_keys_that_stand_cost_no_write(store: Store) -> None:
    one = keys(store)
    await one.refresh()
    writes = store.writes
    await one.refresh()
    await keys(store).refresh()
    assert store.writes == writes


async def test_authority_and_keys_share_the_secret_and_neither_takes_the_other_away(store: Store) -> None:
    authority = await obtain_authority(store, NAMESPACE, HOST, NOON)
    one = keys(store)
    await one.refresh()
    assert await obtain_authority(store, NAMESPACE, HOST, NOON) == authority
    store._created.clear()  # as after an apply of all entries: now one that leaves some out takes them away
    later = NOON + timedelta(days=3600)
    assert await obtain_authority(store, NAMESPACE, HOST, later) != authority
    before = held(one)
    await one.refresh()
    assert held(one) == before
    assert set(store.objects["Secret", NAMESPACE, GATEWAY_TLS_SECRET]["data"]) == {"ca.crt", "ca.key", ENTRY}


@pytest.mark.parametrize("entry", ["!!", base64.b64encode(b"{}").decode(), 7])
async def test_an_entry_that_cannot_be_read_is_replaced(store: Store, entry: object) -> None:
    metadata = {"namespace": NAMESPACE, "name": GATEWAY_TLS_SECRET}
    await store.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {ENTRY: entry}})
    one = keys(store)
    await one.refresh()
    assert held(one) == published(store)


async def test_keys_that_somebody_took_away_are_replaced_at_the_next_look(store: Store) -> None:
    one = keys(store)
    await one.refresh()
    stolen = held(one)
    del store.objects["Secret", NAMESPACE, GATEWAY_TLS_SECRET]["data"][ENTRY]
    await one.refresh()
    assert set(held(one)).isdisjoint(stolen)
    assert published(store) == held(one)


async def test_without_an_api_server_there_are_no_keys_and_those_of_before_stay(store: Store) -> None:
    store.down = True
    one = keys(store)
    with pytest.raises(UnavailableError):
        await one.refresh()
    assert one.ring is None
    store.down = False
    await one.refresh()
    before = held(one)
    store.down = True
    with pytest.raises(UnavailableError):
        await one.refresh()
    assert held(one) == before


async def test_a_first_look_that_fails_is_over_as_well(store: Store) -> None:
    store.down = True
    one = keys(store)
    task = asyncio.create_task(one.keep_fresh())
    await one.tried.wait()
    assert one.ring is None
    task.cancel()


async def test_a_secret_that_changes_at_every_attempt_gives_no_keys(store: Store) -> None:
    class Busy(Store):
        async def apply(self, manifest: dict[str, object]) -> dict[str, object]:  # type: ignore[override]
            store.touch("Secret", GATEWAY_TLS_SECRET)
            return await store.apply(manifest)

    await obtain_authority(store, NAMESPACE, HOST, NOON)
    busy = Busy()
    busy.objects = store.objects
    with pytest.raises(KeysUnreadableError):
        await keys(busy).refresh()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/jwks.json", 200), ("HEAD", "/jwks.json", 200), ("POST", "/jwks.json", 404), ("GET", "/v1/calls", 404)],
)
async def test_the_port_has_the_public_keys_and_nothing_else(store: Store, method: str, path: str, status: int) -> None:
    one = keys(store)
    await one.refresh()
    found, headers, body = await answer(one, method, path)
    assert found == status
    if status == 200:
        assert headers["cache-control"] == "public, max-age=300"
        assert one.ring is not None
        assert int(headers["content-length"]) == len(one.ring.published())
        assert body == (b"" if method == "HEAD" else one.ring.published())


async def test_a_gateway_without_keys_publishes_no_empty_set(store: Store) -> None:
    status, headers, _ = await answer(keys(store), "GET", "/jwks.json")
    assert (status, headers["cache-control"]) == (503, "no-store")


async def answer(of: StepTokenKeys, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("no body is read")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await PublishedKeys(lambda: of.ring)({"type": "http", "method": method, "path": path}, receive, send)
    head, tail = sent
    return head["status"], {name.decode(): value.decode() for name, value in head["headers"]}, tail["body"]
