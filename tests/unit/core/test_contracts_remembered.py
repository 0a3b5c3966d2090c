# SPDX-License-Identifier: Apache-2.0
"""What a record remembers of the contracts that a revision was started with, and what status says of them."""

from typing import Any

from genapps.api.apprecord import FrozenContract
from tests.unit.core.world import World, app, connector

V1, V2, V3 = (f"sha256:{number * 64}" for number in "123")
ENVELOPE = {"envelope": {"connectors": ["payroll"]}}


def offered(digest: str | None) -> dict[str, Any]:
    return {"connectors": {"payroll": connector("low")}, "contracts": {"payroll": digest} if digest else {}}


def calling(code: str, generation: int) -> Any:
    return app({**ENVELOPE, "code": {"source": {"inline": code}}}, {"generation": generation})


def replace_code(world: World, code: str, generation: int) -> None:
    world.app = calling(code, generation)
    world.settle()
    world.pod_is_gone()
    world.run()


def known(world: World) -> str | None:
    assert world.record is not None
    return world.record.known_contract("payroll")


def started(contract: str | None = V1) -> World:
    return World(app=calling("from genapps import app\n", 1), others=offered(contract)).run()


def connectors(world: World) -> Any:
    return world.status["connectors"]


def test_the_contract_that_a_revision_started_with_stays_when_the_connector_gets_another() -> None:
    world = started()
    assert known(world) == V1
    assert connectors(world) == [{"name": "payroll", "contractDigest": V1, "state": "Granted"}]
    world.others = offered(V2)
    world.settle()
    assert known(world) == V1
    assert connectors(world) == [{"name": "payroll", "contractDigest": V2, "state": "Changed"}]


def test_it_stays_over_a_drain() -> None:
    world = started()
    world.others = offered(V2)
    world.pod_is_gone()
    world.run()
    assert known(world) == V1


def test_new_code_starts_with_the_contract_of_its_time_and_the_earlier_code_gets_its_own_back() -> None:
    world = started()
    world.others = offered(V2)
    replace_code(world, "import math\n", 2)
    assert known(world) == V2
    assert connectors(world)[0]["state"] == "Granted"
    world.others = offered(V3)
    replace_code(world, "from genapps import app\n", 3)
    assert known(world) == V1


def test_a_contract_that_was_not_known_at_the_start_is_remembered_once_it_is_and_not_changed_again() -> None:
    world = started(None)
    assert known(world) is None
    assert connectors(world) == [{"name": "payroll", "state": "Granted"}]
    world.others = offered(V1)
    world.settle()
    assert known(world) == V1
    world.others = offered(V2)
    world.settle()
    assert known(world) == V1


def test_a_connector_that_is_withdrawn_is_unknown_and_its_contract_is_not_forgotten() -> None:
    world = started()
    world.others = {}
    world.settle()
    assert connectors(world) == [{"name": "payroll", "state": "Unknown"}]
    assert known(world) == V1


def test_a_frozen_contract_is_what_the_app_rests_on() -> None:
    world = started()
    assert world.record is not None
    frozen = FrozenContract(connector="payroll", digest=V2)
    world.record = world.record.model_copy(update={"contracts": (frozen,)})
    world.settle()
    assert world.record.contracts == (frozen,)
    assert known(world) == V2
    assert connectors(world)[0]["state"] == "Changed"
    assert world.record.named_contracts() == {V1, V2}


def test_an_app_without_connectors_remembers_nothing() -> None:
    world = World().run()
    assert world.record is not None
    assert [kept.contracts for kept in world.record.revisions] == [None]
    assert not world.record.named_contracts()
