# SPDX-License-Identifier: Apache-2.0
"""Which addresses of a Service count, where the golden cases end: bounds, and claims that contradict each other."""

from genapps.api.connector import ServiceEndpoint
from genapps.core.catalogue.endpoints import (
    MOST_ADDRESSES,
    Candidates,
    Endpoints,
    LivePod,
    NamedPod,
    ServicePort,
    ServiceState,
    SliceState,
    candidates,
    resolved,
)

SERVICE = ServiceEndpoint(namespace="billing", name="ledger", port=80)
STATE = ServiceState(False, {"app": "ledger"}, (ServicePort(80, "", 8000),))


def among(*pods: NamedPod) -> Candidates:
    found = candidates(SERVICE, STATE, [SliceState({"": 8000}, pods)])
    assert isinstance(found, Candidates)
    return found


def live(uid: str, *addresses: str) -> LivePod:
    return LivePod(uid, frozenset(addresses), host_network=False)


def test_one_pod_more_than_the_bound_is_not_looked_at() -> None:
    pods = [NamedPod(f"10.1.{number // 256}.{number % 256}", f"p{number}", f"u{number}") for number in range(101)]
    assert len(among(*pods[:100]).pods) == MOST_ADDRESSES
    assert len(among(*pods).pods) == MOST_ADDRESSES


def test_a_false_claim_on_an_address_takes_it_from_nobody() -> None:
    true, false = NamedPod("10.1.0.1", "a", "uid-a"), NamedPod("10.1.0.1", "b", "uid-b")
    pods = {"uid-a": live("uid-a", "10.1.0.1"), "uid-b": live("uid-b", "10.1.0.2")}
    for order in ((true, false), (false, true)):
        assert resolved(SERVICE, among(*order), pods) == Endpoints(8000, ("10.1.0.1",))


def test_an_address_that_two_slices_name_counts_once() -> None:
    pod = NamedPod("10.1.0.1", "a", "uid-a")
    twice = candidates(SERVICE, STATE, [SliceState({"": 8000}, (pod,)), SliceState({"": 8000}, (pod,))])
    assert twice == Candidates(8000, (pod,))
