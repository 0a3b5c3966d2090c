# SPDX-License-Identifier: Apache-2.0
"""The contracts of connectors beside the gateway: each once, and no longer than somebody names it."""

from typing import Any

import pytest

from genapps.api.names import contract_name
from genapps.controller.cache.keys import ContractsKey
from genapps.controller.reconcile.contracts import UNUSED
from tests.unit.controller import world
from tests.unit.controller.loop import KEY, Loop
from tests.unit.controller.reconcile.test_worker import work

CONTRACTS = ContractsKey()


def connector(loop: Loop, version: int = 20, name: str = "ledger", tool: str = "post", **spec: Any) -> str:
    """A Connector with this tool; the name of the object that its contract belongs into."""
    tools = [{"name": tool, "effect": "Write"}]
    content = {"type": "MCP", "endpoint": {"url": "https://ledger.example.com"}, "namespaces": ["team"]}
    object_ = {**world.connector(name, version), "spec": content | {"tools": tools} | spec}
    loop.caches.connectors.changed(object_)
    stored = loop.caches.connectors.get(("", name))
    assert stored is not None
    assert stored.contract.digest is not None
    return contract_name(stored.contract.digest)


async def settle(loop: Loop) -> list[str]:
    """The names of what is stored after a pass of which the watch has told."""
    await work(loop, CONTRACTS)
    found = {name: object_ for (kind, name), object_ in loop.server.objects.items() if kind == "ConfigMap"}
    loop.server.version += 1
    loop.caches.contracts.listed(list(found.values()), str(loop.server.version))
    return sorted(found)


async def observed(loop: Loop) -> dict[str, str]:
    found = await loop.observer.observe(KEY)
    assert found is not None
    return dict(found.contracts)


async def test_a_contract_that_two_connectors_have_is_stored_once(loop: Loop) -> None:
    name = connector(loop)
    assert connector(loop, 21, "second") == name
    assert await settle(loop) == [name]
    assert loop.server.objects["ConfigMap", name]["immutable"] is True
    loop.server.kinds()
    await settle(loop)
    assert loop.server.kinds() == [], "nothing has changed"


async def test_a_contract_is_known_to_an_app_once_it_is_stored_and_while_it_is_granted(loop: Loop) -> None:
    loop.app(11, envelope={"owner": {"team": "t"}, "riskClass": "low", "connectors": ["ledger"]})
    name = connector(loop)
    assert await observed(loop) == {}
    await settle(loop)
    assert contract_name((await observed(loop))["ledger"]) == name
    connector(loop, 21, namespaces=["others"])
    assert await observed(loop) == {}


async def test_a_contract_that_nobody_names_any_more_is_collected_after_a_while(loop: Loop) -> None:
    before = connector(loop)
    await settle(loop)
    after = connector(loop, 21, tool="book")
    assert await settle(loop) == sorted([before, after])
    loop.clock.move_to(UNUSED.total_seconds() - 1)
    assert await settle(loop) == sorted([before, after])
    loop.clock.move_to(UNUSED.total_seconds())
    assert await settle(loop) == [after]


@pytest.mark.parametrize("deleted", [None, "2026-11-23T10:00:00Z"], ids=["of an app", "of a deleted app"])
async def test_a_contract_that_a_record_names_stays(loop: Loop, deleted: str | None) -> None:
    before = connector(loop)
    await settle(loop)
    digest = loop.caches.contracts.get(("system", before))
    assert digest is not None
    frozen = [{"connector": "ledger", "digest": digest.digest}]
    loop.caches.records.changed(world.record("z", 30, contracts=frozen, deletedAt=deleted))
    after = connector(loop, 31, tool="book")
    await settle(loop)
    loop.clock.move_to(2 * UNUSED.total_seconds())
    assert await settle(loop) == sorted([before, after])
    loop.caches.records.deleted(world.record("z", 40))
    await settle(loop)
    loop.clock.move_to(4 * UNUSED.total_seconds())
    assert await settle(loop) == [after]


async def test_what_is_named_again_in_time_is_not_collected(loop: Loop) -> None:
    before = connector(loop)
    await settle(loop)
    connector(loop, 21, tool="book")
    await settle(loop)
    loop.clock.move_to(UNUSED.total_seconds() - 1)
    connector(loop, 22)
    await settle(loop)
    connector(loop, 23, tool="book")
    loop.clock.move_to(UNUSED.total_seconds() + 1)
    assert before in await settle(loop), "the time begins anew"


async def test_an_object_that_holds_something_else_under_the_name_is_replaced(loop: Loop) -> None:
    name = connector(loop)
    metadata = {"namespace": "system", "name": name, "uid": "forged", "resourceVersion": "50"}
    forged = {"kind": "ConfigMap", "metadata": metadata, "data": {"contract.json": "{}"}}
    loop.server.objects["ConfigMap", name] = forged
    loop.caches.contracts.changed(forged)
    await settle(loop)
    assert loop.server.objects["ConfigMap", name]["data"] != forged["data"]
