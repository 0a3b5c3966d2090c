# SPDX-License-Identifier: Apache-2.0
"""Where arguments of HTTP tools go: the rule that the gateway's calls follow."""

from typing import Any

import pytest

from genapps.core.contracts.contract import contract_of
from genapps.core.contracts.placement import HEADER_CHARACTERS, TARGET_CHARACTERS, ArgumentPlacer, Placement
from genapps.core.contracts.pointers import ContractFault
from tests.unit.core.contracts.connectors import connector, tool

HEADERS = [{"argument": "lang", "header": "Accept-Language"}]


def _place(arguments: dict[str, Any], **changes: Any) -> Placement | ContractFault:
    contract = contract_of(connector(tool(path="/v1/{id}", **changes)).spec)
    return ArgumentPlacer(contract.tools[0]).place(arguments)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_without_a_body_the_rest_goes_into_the_query(method: str) -> None:
    arguments = {"z": 1, "id": "x", "a": "b c&d"}
    assert _place(arguments, method=method) == Placement("/v1/x?a=b%20c%26d&z=1", (), {}, has_body=False)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_else_the_rest_is_the_body(method: str) -> None:
    arguments = {"id": "x", "a": {"b": [1]}, "c": None}
    assert _place(arguments, method=method) == Placement("/v1/x", (), {"a": {"b": [1]}, "c": None}, has_body=True)
    assert _place({"id": "x"}, method=method) == Placement("/v1/x", (), {}, has_body=True)


def test_arguments_are_sent_where_the_tool_says() -> None:
    placed = _place({"id": 1, "q": True, "lang": "de", "a": 2}, method="POST", query=["q"], headers=HEADERS)
    assert placed == Placement("/v1/1?q=true", (("Accept-Language", "de"),), {"a": 2}, has_body=True)


def test_one_argument_can_be_the_whole_body() -> None:
    assert _place({"id": 1, "items": [1, 2]}, method="PUT", body="items") == Placement(
        "/v1/1", (), [1, 2], has_body=True
    )
    assert _place({"id": 1, "items": None}, method="PUT", body="items") == Placement("/v1/1", (), None, has_body=True)
    assert _place({"id": 1}, method="PUT", body="items") == Placement("/v1/1", (), None, has_body=False)
    refused = _place({"id": 1, "items": [], "x": 1}, method="PUT", body="items")
    assert str(refused) == "/x: has no place: the body is the argument 'items'"


def test_a_list_in_the_query_repeats_its_name_and_null_is_left_out() -> None:
    placed = _place({"id": 1, "tag": ["a", "b=c"], "none": None, "empty": []})
    assert isinstance(placed, Placement)
    assert placed.target == "/v1/1?tag=a&tag=b%3Dc"


def test_a_name_cannot_add_to_the_query() -> None:
    placed = _place({"id": 1, "a&admin=1#": "x"})
    assert isinstance(placed, Placement)
    assert placed.target == "/v1/1?a%26admin%3D1%23=x"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "/id: is missing, and the path needs it"),
        ({"id": "a/b"}, "/id: stands in the path"),
        ({"id": 1, "a": {"b": 1}}, "/a: stands in the query"),
        ({"id": 1, "a": [[1]]}, "/a: stands in the query"),
        ({"id": 1, "lang": "de\r\nX-Admin: 1"}, "/lang: stands in a header"),
        ({"id": 1, "lang": "dé"}, "/lang: stands in a header"),
        ({"id": 1, "lang": ["de"]}, "/lang: stands in a header"),
        ({"id": 1, "lang": "x" * (HEADER_CHARACTERS + 1)}, "/lang: stands in a header"),
        ({"id": 1, "a": "x" * TARGET_CHARACTERS}, "(the whole): path and query would have more than"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_what_cannot_stand_where_it_goes_is_refused(arguments: dict[str, Any], fault: str) -> None:
    assert str(_place(arguments, headers=HEADERS)).startswith(fault)


def test_a_header_at_its_bound_is_sent_and_null_is_not() -> None:
    longest = _place({"id": 1, "lang": "x" * HEADER_CHARACTERS}, headers=HEADERS)
    assert isinstance(longest, Placement)
    assert longest.headers == (("Accept-Language", "x" * HEADER_CHARACTERS),)
    assert _place({"id": 1, "lang": None}, headers=HEADERS) == Placement("/v1/1", (), {}, has_body=False)
