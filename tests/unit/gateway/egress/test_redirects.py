# SPDX-License-Identifier: Apache-2.0
"""Redirects: followed only where a Connector says so, on its own host, and without what proves who asks."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from genapps.gateway.egress.messages import (
    EgressReason,
    EgressRefusedError,
    OutboundRequest,
)
from tests.unit.gateway.attacks.egress import redirect
from tests.unit.gateway.egress.world import GET, HERE, LIMITS, OK, always, server_tls, serving, upstream

FOLLOWING = replace(LIMITS, redirects=3)


async def test_a_redirect_is_refused_unless_it_was_allowed() -> None:
    async with serving(always(redirect("/other"))) as server:
        with pytest.raises(EgressRefusedError) as refused:
            await upstream().send(server.service(), GET, LIMITS)
    assert (refused.value.reason, refused.value.sent) == (EgressReason.REDIRECT_REFUSED, True)
    assert len(server.requests) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("absolute", [False, True])
async def test_a_redirect_on_the_own_host_is_followed_without_credentials(
    method: str, status: int, absolute: bool
) -> None:
    headers = (("Authorization", "Bearer x"), ("X-Api-Key", "y"), ("Txn-Token", "z"), ("Accept", "text/plain"))

    def script(request: bytes) -> Iterable[bytes]:
        if b" /other?a=b " in request:
            return [OK if method == "GET" else OK[:-2]]
        origin = f"http://rates.team.svc:{server.port}" if absolute else ""
        return [redirect(f"{origin}/other?a=b", status)]

    async with serving(script) as server:
        response = await upstream().send(
            server.service(), OutboundRequest(method, "/", headers, credential_id="one"), FOLLOWING
        )
    assert response.status == 200
    first, second = server.requests
    assert b"Bearer x" in first
    assert b"Accept: text/plain" in second
    for secret in (b"Bearer", b"X-Api-Key", b"Txn-Token"):
        assert secret not in second


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_changes_something_is_not_redirected(method: str) -> None:
    async with serving(always(redirect("/other", 307))) as server:
        with pytest.raises(EgressRefusedError) as refused:
            await upstream().send(server.service(), OutboundRequest(method, "/"), FOLLOWING)
    assert refused.value.sent
    assert len(server.requests) == 1


async def test_at_most_three_redirects_are_followed() -> None:
    async with serving(always(redirect("/again"))) as server:
        with pytest.raises(EgressRefusedError):
            await upstream().send(server.service(), GET, replace(LIMITS, redirects=50))
    assert len(server.requests) == 4


async def test_a_name_that_leads_elsewhere_by_the_time_of_the_redirect_is_refused(ca: Path) -> None:
    """And what is known of the first request is not forgotten."""
    addresses = iter([(HERE,), ("169.254.169.254",)])
    async with serving(always(redirect("/other")), server_tls()) as server:
        with pytest.raises(EgressRefusedError) as refused:
            await upstream(lambda _: next(addresses), ca=ca).send(server.public(), GET, FOLLOWING)
    assert (refused.value.reason, refused.value.sent) == (EgressReason.ADDRESS_REFUSED, True)
    assert len(server.requests) == 1


NOWHERE = [b"HTTP/1.1 304 Not Modified\r\n\r\n", b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n"]


@pytest.mark.parametrize("answer", NOWHERE)
async def test_what_names_no_other_place_is_an_answer(answer: bytes) -> None:
    async with serving(always(answer)) as server:
        assert (await upstream().send(server.service(), GET, LIMITS)).status in (302, 304)
