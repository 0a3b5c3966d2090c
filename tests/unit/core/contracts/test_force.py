# SPDX-License-Identifier: Apache-2.0
"""What of a frozen and of the current contract is in force."""

from typing import Any

import pytest

from genapps.core.contracts.contract import Contract, contract_of
from genapps.core.contracts.force import NO_ARGUMENTS, in_force
from tests.unit.core.contracts.connectors import LATEST, connector, tool

PAY = tool(name="pay", method="POST", path="/v1/pay", effect="Write", idempotency="Key", timeout="30s")


def _contract(*tools: dict[str, Any], **spec: Any) -> Contract:
    return contract_of(connector(*tools, **spec).spec)


def test_in_development_the_current_contract_is_in_force_as_it_is() -> None:
    found = in_force(None, _contract(LATEST, PAY))
    assert set(found.tools) == {"latest", "pay"}
    assert found.tools["pay"].timeout_seconds == 30
    assert found.tools["latest"].inputs == (LATEST["input"],)
    assert found.tools["latest"].outputs == (LATEST["output"],)
    assert found.changed == {}


def test_the_same_contract_twice_is_that_contract() -> None:
    assert in_force(_contract(LATEST, PAY), _contract(PAY, LATEST)) == in_force(None, _contract(LATEST, PAY))


def test_a_new_tool_waits_for_a_review_and_a_withdrawn_one_is_gone() -> None:
    assert set(in_force(_contract(LATEST), _contract(LATEST, PAY)).tools) == {"latest"}
    assert set(in_force(_contract(LATEST, PAY), _contract(PAY)).tools) == {"pay"}
    assert in_force(_contract(LATEST, PAY), _contract(PAY)).changed == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"effect": "Read"}, "effect"),
        ({"method": "PUT"}, "method"),
        ({"path": "/v2/pay"}, "path"),
        ({"query": ["limit"]}, "query"),
        ({"headers": [{"argument": "limit", "header": "X-Limit"}]}, "headers"),
        ({"body": "limit"}, "body"),
        ({"idempotency": None}, "key_header"),
        ({"idempotency": {"header": "X-Once"}}, "key_header"),
    ],
)
def test_a_tool_that_would_be_another_call_is_refused_until_it_is_reviewed(changes: dict[str, Any], field: str) -> None:
    other = {name: value for name, value in (PAY | changes).items() if value is not None}
    for frozen, current in ((PAY, other), (other, PAY)):
        found = in_force(_contract(LATEST, frozen), _contract(LATEST, current))
        assert set(found.tools) == {"latest"}
        assert found.changed == {"pay": field}


@pytest.mark.parametrize(("frozen", "current"), [("5s", "60s"), ("60s", "5s"), ("5s", None), (None, "5s")])
def test_the_shorter_timeout_holds(frozen: str | None, current: str | None) -> None:
    found = in_force(_contract(tool(timeout=frozen)), _contract(tool(timeout=current)))
    assert found.tools["latest"].timeout_seconds == 5


def test_both_schemas_must_be_passed_and_an_absent_output_asks_for_nothing() -> None:
    frozen, current = _contract(tool(input=None, path="/v1", output=None)), _contract(tool(path="/v1"))
    found = in_force(frozen, current).tools["latest"]
    assert found.inputs == (NO_ARGUMENTS, LATEST["input"])
    assert found.outputs == (LATEST["output"],)
    assert in_force(frozen, frozen).tools["latest"].outputs == ()


def test_models_of_both_and_the_smaller_bound() -> None:
    frozen = _contract(type="Model", tools=[], models=["a", "b"], maxTokens=100)
    current = _contract(type="Model", tools=[], models=["b", "c"], maxTokens=50)
    found = in_force(frozen, current)
    assert (found.models, found.max_tokens) == (("b",), 50)
    unbounded = _contract(type="Model", tools=[], models=["c"])
    assert in_force(frozen, unbounded).max_tokens == 100
    assert in_force(frozen, unbounded).models == ()
    assert in_force(None, unbounded).max_tokens == 4096


def test_a_connector_of_another_type_is_another_connector() -> None:
    bare = {"name": "latest", "effect": "Read"}
    found = in_force(_contract(LATEST), _contract(bare, type="MCP"))
    assert (found.tools, found.models, found.changed) == ({}, (), {"latest": "type"})
