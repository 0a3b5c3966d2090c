# SPDX-License-Identifier: Apache-2.0
"""Whom a stored contract wakes."""

import pytest

from genapps.api.names import AppKey
from genapps.controller.cache.keys import ContractsKey
from genapps.controller.cache.wakeups import DEBOUNCED, NEXT, Wakeup
from genapps.core.contracts.contract import Contract
from genapps.core.contracts.stored import contract_object
from tests.unit.controller import world
from tests.unit.controller.world import Seen

CONTRACTS = Wakeup(ContractsKey(), NEXT)
STORED = contract_object("system", Contract(type="MCP"))
STORED["metadata"] |= {"uid": "u", "resourceVersion": "22"}


@pytest.fixture
def seen() -> Seen:
    """An app that names the connector `crm`, which has that contract, and one that names none."""
    made = Seen()
    made.caches.apps.changed(world.app("a", 1, envelope={"connectors": ["crm"]}))
    made.caches.apps.changed(world.app("b", 2))
    spec = {"type": "MCP", "endpoint": {"url": "https://crm.example.com"}, "namespaces": ["team"]}
    made.caches.connectors.changed({**world.connector("crm", 3), "spec": spec})
    made.wakeups.clear()
    return made


def test_one_that_is_stored_wakes_all_of_them_and_the_apps_that_name_a_connector_that_has_it(seen: Seen) -> None:
    seen.caches.contracts.changed(STORED)
    assert set(seen.wakeups) == {CONTRACTS, Wakeup(AppKey("team", "a"), NEXT)}


def test_one_that_is_deleted_and_what_is_no_contract_wake_no_app(seen: Seen) -> None:
    seen.caches.contracts.changed(STORED)
    seen.wakeups.clear()
    seen.caches.contracts.deleted(STORED)
    seen.caches.contracts.changed({**STORED, "metadata": {**STORED["metadata"], "name": "contract-0"}})
    assert set(seen.wakeups) == {CONTRACTS}


def test_a_record_that_names_another_one_wakes_them_once_for_a_group_of_changes(seen: Seen) -> None:
    frozen = [{"connector": "crm", "digest": world.DIGEST}]
    seen.caches.record_written(world.record("a", 20, contracts=frozen))
    assert Wakeup(ContractsKey(), DEBOUNCED) in seen.wakeups
    seen.wakeups.clear()
    seen.caches.record_written(world.record("a", 21, contracts=frozen, tier={"name": "large"}))
    assert Wakeup(ContractsKey(), DEBOUNCED) not in seen.wakeups
