# SPDX-License-Identifier: Apache-2.0
"""Which addresses a name and a Service may have, whatever the name server and the Connector say."""

from dataclasses import replace
from pathlib import Path

import pytest

from genapps.gateway.egress.addresses import Ranges, parse_ranges
from genapps.gateway.egress.messages import EgressReason, EgressRefusedError, Target
from genapps.gateway.egress.targets import target_fault
from tests.unit.api.test_addresses import NO_ADDRESS, PRIVATE
from tests.unit.gateway.attacks.egress import HOSTS, NO_PODS, PUBLIC
from tests.unit.gateway.egress.world import GET, HERE, HOST, LIMITS, OK, always, server_tls, serving, upstream

CLUSTER = Ranges(pods=parse_ranges("203.0.114.0/24,2a00:1::/64"), inside=parse_ranges("9.9.8.0/24"))


@pytest.mark.parametrize("address", [*PRIVATE, *NO_ADDRESS])
async def test_a_name_with_an_address_that_is_not_public_is_refused_whatever_else_it_has(address: str) -> None:
    for addresses in ((address,), (PUBLIC, address), (address, PUBLIC)):
        with pytest.raises(EgressRefusedError) as refused:
            await upstream(lambda _, found=addresses: found, ranges=Ranges()).send(  # type: ignore[misc]
                Target("rates", "https", HOST, 443), GET, LIMITS
            )
        assert (refused.value.reason, refused.value.sent) == (EgressReason.ADDRESS_REFUSED, False)


@pytest.mark.parametrize("address", ["203.0.114.7", "2a00:1::7", "9.9.8.255"])
async def test_public_addresses_of_the_cluster_itself_are_refused_too(address: str) -> None:
    assert Ranges().admits_host(address)
    with pytest.raises(EgressRefusedError) as refused:
        await upstream(lambda _: (address,), ranges=CLUSTER).send(Target("rates", "https", HOST, 443), GET, LIMITS)
    assert refused.value.reason == EgressReason.ADDRESS_REFUSED


async def test_a_name_has_at_most_64_addresses(ca: Path) -> None:
    many = (HERE, *(f"1.1.1.{number}" for number in range(64)))
    async with serving(always(OK), server_tls()) as server:
        assert (await upstream(lambda _: many[:-1], ca=ca).send(server.public(), GET, LIMITS)).body == b"ok"
        with pytest.raises(EgressRefusedError) as refused:
            await upstream(lambda _: many, ca=ca).send(server.public(), GET, LIMITS)
    assert refused.value.reason == EgressReason.ADDRESS_REFUSED


async def test_a_name_that_is_bound_anew_meanwhile_leads_nowhere_else(ca: Path) -> None:
    """It is asked for once, and the connection goes to what was checked."""
    answers = [(HERE,), ("169.254.169.254",)]
    async with serving(always(OK), server_tls()) as server:
        sender = upstream(lambda _: answers.pop(0), ca=ca)
        assert (await sender.send(server.public(), GET, LIMITS)).body == b"ok"
        assert len(answers) == 1
        with pytest.raises(EgressRefusedError):
            await sender.send(server.public(), replace(GET, credential_id="other"), LIMITS)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.7.7", "fd00::7", PUBLIC, "240.0.0.7"])
def test_a_service_may_have_pods_in_private_ranges(address: str) -> None:
    assert Ranges().admits_pod(address)
    assert Ranges(pods=parse_ranges("0.0.0.0/0,::/0")).admits_pod(address)


@pytest.mark.parametrize("address", NO_PODS)
async def test_what_no_pod_can_have_is_refused_for_a_service(address: str) -> None:
    for ranges in (Ranges(), Ranges(pods=parse_ranges("0.0.0.0/0,::/0"))):
        target = Target("rates", "http", "rates.team.svc", 80, ("10.1.2.3", address))
        with pytest.raises(EgressRefusedError) as refused:
            await upstream(ranges=ranges).send(target, GET, LIMITS)
        assert (refused.value.reason, refused.value.sent) == (EgressReason.ADDRESS_REFUSED, False)


def test_where_the_ranges_of_pods_are_known_all_else_is_no_pod() -> None:
    assert CLUSTER.admits_pod("203.0.114.7")
    assert not CLUSTER.admits_pod("10.1.2.3")
    assert not CLUSTER.admits_pod("9.9.8.1")
    assert not Ranges(inside=parse_ranges("10.96.0.0/12")).admits_pod("10.96.0.1")


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "here", "10.0.0.0/8;fd00::/8"])
def test_ranges_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|host bits"):
        parse_ranges(text)


@pytest.mark.parametrize("host", HOSTS)
async def test_hosts_in_other_forms_and_inside_are_refused_before_they_are_resolved(host: str) -> None:
    asked: list[str] = []
    sender = upstream(lambda name: (asked.append(name), (HERE,))[1], ranges=Ranges())  # type: ignore[func-returns-value]
    with pytest.raises(EgressRefusedError) as refused:
        await sender.send(Target("rates", "https", host, 443), GET, LIMITS)
    assert (refused.value.reason, refused.value.sent) == (EgressReason.TARGET_INVALID, False)
    assert asked == []


@pytest.mark.parametrize("host", [HOST, "xn--bcher-kva.example", "a.b.c.d.example.com"])
def test_full_names_may_be_targets(host: str) -> None:
    assert target_fault(Target("rates", "https", host, 8443)) is None


@pytest.mark.parametrize(
    "target",
    [
        Target("rates", "http", HOST, 80),
        Target("rates", "ftp", HOST, 21),
        Target("rates", "file", HOST, 443),
        Target("rates", "HTTPS", HOST, 443),
        Target("rates", "ws", "rates.team.svc", 80, (HERE,)),
        Target("rates", "https", HOST, 0),
        Target("rates", "https", HOST, 65536),
        Target("rates", "http", "127.0.0.1", 80, (HERE,)),
    ],
)
def test_other_schemes_and_ports_are_refused(target: Target) -> None:
    assert target_fault(target) is not None


def test_a_service_may_be_reached_by_either_scheme() -> None:
    for scheme in ("http", "https"):
        assert target_fault(Target("rates", scheme, "rates.team.svc", 8080, (HERE,))) is None
