# SPDX-License-Identifier: Apache-2.0
"""Contracts at rest: the content alone says which one it is."""

from typing import Any

import pytest

from genapps.core.contracts.contract import contract_digest, contract_of
from genapps.core.contracts.stored import CONTRACT_KEY, contract_object, stored_contract, stored_digest
from tests.unit.core.contracts.connectors import connector, tool

CONTRACT = contract_of(connector(tool()).spec)


def test_what_was_stored_is_read_again() -> None:
    object_ = contract_object("genapps-system", CONTRACT)
    found = stored_contract(object_)
    assert found is not None
    assert found.contract == CONTRACT
    assert found.digest == contract_digest(CONTRACT) == stored_digest(object_)
    assert found.tools == {each.name for each in CONTRACT.tools}
    assert object_["immutable"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {CONTRACT_KEY: '{"type":"HTTP"}'}},
        {"data": {"other": "{}"}},
        {"data": None},
        {"metadata": {"name": "contract-0123456789ab"}},
    ],
    ids=["another contract", "another key", "no data", "another name"],
)
def test_what_its_name_does_not_say_is_no_contract(changes: dict[str, Any]) -> None:
    object_ = {**contract_object("genapps-system", CONTRACT), **changes}
    assert stored_digest(object_) == ""
    assert stored_contract(object_) is None


def test_a_contract_with_a_field_of_a_newer_version_is_not_read_because_it_may_restrict() -> None:
    newer = CONTRACT.model_copy(update={"type": "gRPC"})
    object_ = contract_object("genapps-system", newer)
    assert stored_digest(object_) != ""
    assert stored_contract(object_) is None
