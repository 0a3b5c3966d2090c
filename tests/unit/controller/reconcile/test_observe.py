# SPDX-License-Identifier: Apache-2.0
"""What is observed of an app: from the caches, without a request, and nothing at all when evidence is unreadable."""

import pytest

from genapps.api.names import child_name
from genapps.controller.cache.keys import AppKey
from genapps.controller.reconcile.observe import UnreadableEvidenceError
from genapps.core.observed import Unreadable
from tests.unit.controller import world
from tests.unit.controller.loop import KEY, Loop
from tests.unit.controller.world import record

SUSPENDED = {"id": "s1", "reason": "ViolationThreshold", "at": "2026-11-23T10:00:00Z", "codeDigest": world.DIGEST}


async def test_an_app_or_a_namespace_that_is_not_known_is_not_observed(loop: Loop) -> None:
    assert await loop.observer.observe(AppKey("team", "gone")) is None
    loop.caches.namespaces.deleted({"metadata": {"name": "team", "resourceVersion": "9"}})
    assert await loop.observer.observe(KEY) is None


@pytest.mark.parametrize("kind", ["records", "ledgers"])
async def test_nothing_is_done_for_an_app_whose_evidence_cannot_be_read(loop: Loop, kind: str) -> None:
    broken = {**record("a", 20), "record": {"budget": 5}}
    getattr(loop.caches, kind).changed(broken)
    with pytest.raises(UnreadableEvidenceError):
        await loop.observer.observe(KEY)


async def test_other_apps_of_the_budget_are_counted_with_those_that_only_hold_a_place(loop: Loop) -> None:
    loop.caches.records.changed(record("other", 20))
    loop.caches.records.changed(record("deleted", 21, deletedAt="2026-11-23T10:00:00Z"))
    loop.caches.reservations.reserve(AppKey("team", "next"), "b")
    loop.caches.reservations.reserve(KEY, "b")
    observed = await loop.observer.observe(KEY)
    assert observed is not None
    assert (observed.apps_of_budget, observed.kept_of_budget) == (2, 1)


async def test_a_suspension_of_a_neighbour_is_seen_by_the_digest_of_its_code(loop: Loop) -> None:
    loop.caches.records.changed(record("other", 20, suspension=SUSPENDED))
    elsewhere = record("other", 21, suspension=SUSPENDED, app={"namespace": "far", "name": "other", "uid": "u"})
    elsewhere["metadata"]["name"] = child_name("far", "other")
    loop.caches.records.changed(elsewhere)
    observed = await loop.observer.observe(KEY)
    assert observed is not None
    assert {digest: each.app for digest, each in observed.suspended_code.items()} == {world.DIGEST: "other"}


async def test_a_budget_that_cannot_be_read_is_no_missing_one(loop: Loop) -> None:
    loop.caches.budgets.changed({**world.budget("b", 20), "spec": {"tiers": 5}})
    observed = await loop.observer.observe(KEY)
    assert observed is not None
    assert isinstance(observed.budget, Unreadable)


async def test_the_gateways_ca_counts_once_every_prepared_run_namespace_has_it(loop: Loop) -> None:
    assert loop.observer.platform().gateway_ca == "pem"
    metadata = {"namespace": "system", "name": "genapps-gateway-ca", "resourceVersion": "50"}
    loop.caches.gateway_ca.changed({"metadata": metadata, "data": {"ca.crt": "next"}})
    assert loop.observer.platform().gateway_ca is None


async def test_what_the_api_server_said_against_a_child_is_observed(loop: Loop) -> None:
    observed = await loop.observer.observe(KEY, "Pod a: exceeded quota")
    assert observed is not None
    assert observed.refused == "Pod a: exceeded quota"
