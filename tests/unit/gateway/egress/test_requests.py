# SPDX-License-Identifier: Apache-2.0
"""What a request may look like. Each refusal is for something that somebody would read as another request."""

from dataclasses import replace

import pytest

from genapps.gateway.egress.messages import EgressReason, EgressRefusedError, OutboundRequest
from genapps.gateway.egress.requests import HEADER_BYTES, HEADERS, PATH_BYTES, path_fault, request_fault
from tests.unit.gateway.attacks.egress import HEADERS as CHANGING_HEADERS
from tests.unit.gateway.attacks.egress import METHODS, PATHS
from tests.unit.gateway.egress.world import GET, LIMITS, OK, always, serving, upstream


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/rates",
        "/v1/rates/",
        "/v1/rates?from=CHF&to=%0D%0A..//?",
        "/v1/a%20b/%E2%82%AC",
        "/projects/group%2Fproject",
        "/files/a.b/...",
        "/files/.well-known/x",
        "/files/..a",
        "/save/100%25",
        "/a;b=c",
        "/?",
        "/" + "a" * (PATH_BYTES - 1),
    ],
)
def test_usual_paths_pass(path: str) -> None:
    assert path_fault(path) is None


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_lead_elsewhere_or_nowhere_are_refused(path: str) -> None:
    assert path_fault(path) is not None


@pytest.mark.parametrize(("name", "value"), CHANGING_HEADERS)
def test_headers_that_change_the_request_are_refused(name: str, value: str) -> None:
    assert request_fault(replace(GET, headers=((name, value),))) is not None


def test_usual_headers_pass_and_their_number_and_size_are_bounded() -> None:
    assert request_fault(replace(GET, headers=(("Authorization", "Bearer a.b-c"), ("X-Empty", "")))) is None
    many = tuple((f"x{number}", "y") for number in range(HEADERS + 1))
    assert request_fault(replace(GET, headers=many[:-1])) is None
    assert request_fault(replace(GET, headers=many)) is not None
    assert request_fault(replace(GET, headers=(("x", "y" * (HEADER_BYTES - 1)),))) is None
    assert request_fault(replace(GET, headers=(("x", "y" * HEADER_BYTES),))) is not None


def test_a_header_that_is_there_twice_is_refused() -> None:
    headers = (("Authorization", "Bearer app"), ("authorization", "Bearer platform"))
    assert request_fault(replace(GET, headers=headers)) is not None


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_are_refused(method: str) -> None:
    assert request_fault(OutboundRequest(method, "/")) is not None


def test_only_what_changes_something_has_a_body() -> None:
    assert request_fault(OutboundRequest("GET", "/", body=b"x")) is not None
    assert request_fault(OutboundRequest("DELETE", "/", body=b"x")) is None


async def test_a_refused_request_opens_no_connection() -> None:
    async with serving(always(OK)) as server:
        with pytest.raises(EgressRefusedError) as refused:
            await upstream().send(server.service(), OutboundRequest("GET", "/a\r\n\r\nGET /admin"), LIMITS)
    assert (refused.value.reason, refused.value.sent) == (EgressReason.REQUEST_INVALID, False)
    assert "admin" not in str(refused.value)
    assert server.connections == 0
