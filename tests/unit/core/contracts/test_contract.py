# SPDX-License-Identifier: Apache-2.0
"""The canonical contract and its digest."""

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from genapps.core.contracts.contract import Contract, contract_digest, contract_of
from tests.unit.core.contracts.connectors import CURRENCY, connector, tool


def _digest(*tools: dict[str, Any], **spec: Any) -> str:
    return contract_digest(contract_of(connector(*tools, **spec).spec))


def test_the_digest_is_of_the_canonical_document() -> None:
    contract = contract_of(connector(tool(input=None, output=None, path="/v1")).spec)
    assert contract.document() == {
        "type": "HTTP",
        "tools": [{"name": "latest", "effect": "Read", "timeoutSeconds": 10, "method": "GET", "path": "/v1"}],
    }
    stored = (
        b'{"tools":[{"effect":"Read","method":"GET","name":"latest","path":"/v1","timeoutSeconds":10}],"type":"HTTP"}'
    )
    assert contract_digest(contract) == f"sha256:{hashlib.sha256(stored).hexdigest()}"


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "Rates"},
        {"endpoint": {"url": "https://other.example.com"}},
        {"namespaces": ["finance", "sales"]},
        {"minimumRiskClass": "high"},
        {"credential": {"secretName": "fx", "key": "token", "as": {"header": "X-Key"}}},
        {"tools": [tool(cost={"usd": "1"}, cache="60s", description="The latest rate")]},
        {"tools": [tool(timeout="10s")]},
        {"tools": [tool(idempotency="None")]},
    ],
)
def test_what_the_platform_may_change_is_not_in_it(changes: dict[str, Any]) -> None:
    assert _digest(**changes) == _digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"path": "/v2/{currency}"},
        {"query": ["limit"]},
        {"headers": [{"argument": "limit", "header": "X-Limit"}]},
        {"method": "POST", "body": "limit"},
        {"effect": "Write"},
        {"effect": "Write", "idempotency": "Key"},
        {"effect": "Write", "idempotency": {"header": "X-Once"}},
        {"timeout": "11s"},
        {"input": None},
        {"output": None},
        {"name": "last"},
    ],
)
def test_what_an_app_relies_on_is_in_it(changes: dict[str, Any]) -> None:
    assert _digest(tool(**changes)) != _digest()


def test_models_and_their_bound_are_in_it() -> None:
    model = {"type": "Model", "tools": [], "models": ["small"]}
    digests = {_digest(**model), _digest(**model, maxTokens=10), _digest(**{**model, "models": ["small", "large"]})}
    assert len(digests) == 3


def test_equal_promises_have_equal_digests() -> None:
    first, second = tool(), tool(name="history", path="/v1/{currency}/all")
    assert _digest(first, second) == _digest(second, first)
    assert _digest(tool(timeout="1m")) == _digest(tool(timeout="60s"))
    assert _digest(tool(effect="Write", idempotency="Key")) == _digest(
        tool(effect="Write", idempotency={"header": "Idempotency-Key"})
    )
    model = {"type": "Model", "tools": []}
    assert _digest(**model, models=["a", "b"]) == _digest(**model, models=["b", "a"])


def test_a_stored_document_is_read_again() -> None:
    contract = contract_of(
        connector(
            tool(timeout="3s", method="POST", query=["limit"]),
            tool(
                name="pay", effect="Write", idempotency="Key", input={"type": "object", "properties": {"c": CURRENCY}}
            ),
        ).spec
    )
    again = Contract.model_validate(contract.document())
    assert again == contract
    assert contract_digest(again) == contract_digest(contract)
    assert again.tool("pay") is not None
    assert again.tool("gone") is None


def test_a_document_of_a_newer_version_is_refused_because_it_may_restrict() -> None:
    document = contract_of(connector().spec).document()
    document["tools"][0]["region"] = "eu"
    with pytest.raises(ValidationError):
        Contract.model_validate(document)
