# SPDX-License-Identifier: Apache-2.0
"""What gateways say of connectors: one place, few writes, sums of all gateways, and no connector that is gone."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from genapps.api.names import connector_ledger
from genapps.gateway.budgets.blocked import BlockedConnectors
from genapps.gateway.calls import Tally
from genapps.gateway.egress.messages import OutboundResponse
from genapps.gateway.ledgers.connector_ledger import DAMPING_SECONDS, MOST_IN_A_ROUND, ConnectorLedgers
from genapps.gateway.ledgers.ledger import Ledgers
from genapps.gateway.metrics import Metrics
from tests.unit.gateway.connectors import manifest
from tests.unit.gateway.test_withdrawn_tools import ask, started
from tests.unit.gateway.world import NAMESPACE, Clock, Installation, Store

NOON = "2026-11-23T12:00:00.000000Z"


@dataclass
class Gateway:
    """One process: what it has counted, and its breakers."""

    store: Store
    clock: Clock
    tallies: defaultdict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    open: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.blocked = BlockedConnectors(self.clock)
        self.ledgers = ConnectorLedgers(
            self.store,
            NAMESPACE,
            Metrics(),
            self.tallies,
            self.open.__contains__,
            lambda name: name not in self.gone,
            self.blocked,
            self.clock,
            lambda: self.clock.now.timestamp(),
        )

    def call(self, calls: int = 1, errors: int = 0, name: str = "rates") -> None:
        self.tallies[name].calls += calls
        self.tallies[name].errors += errors

    async def write(self, after: float = DAMPING_SECONDS) -> None:
        self.clock.forward(seconds=after)
        await self.ledgers.write()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def one(store: Store, clock: Clock) -> Gateway:
    return Gateway(store, clock)


@pytest.fixture
def other(store: Store, clock: Clock) -> Gateway:
    return Gateway(store, clock)


def told(store: Store, name: str = "rates") -> dict[str, Any]:
    use: dict[str, Any] = store.objects["Ledger", NAMESPACE, connector_ledger(name)]["record"]["connector"]
    return use


async def test_calls_of_all_gateways_add_up(one: Gateway, other: Gateway, store: Store) -> None:
    one.call(3, 1)
    await one.write(0)
    assert told(store) == {"calls": 3, "errors": 1, "checkedAt": NOON, "open": False}
    other.call(5, 2)
    await other.write(0)
    one.call(1)
    await one.write()
    assert (told(store)["calls"], told(store)["errors"]) == (9, 3)


async def test_a_connector_is_written_once_in_a_while_and_not_at_all_when_nothing_was_called(
    one: Gateway, store: Store
) -> None:
    one.call()
    await one.write(0)
    one.call(100)
    await one.write(DAMPING_SECONDS - 1)
    assert store.writes == 1
    await one.write(1)
    assert (store.writes, told(store)["calls"]) == (2, 101)
    await one.write()
    assert store.writes == 2


async def test_a_breaker_that_opens_or_closes_is_told_at_once(one: Gateway, store: Store) -> None:
    one.call()
    await one.write(0)
    one.open.add("rates")
    await one.write(1)
    assert told(store)["since"] == "2026-11-23T12:00:01.000000Z"
    one.open.clear()
    await one.write(1)
    assert not told(store)["open"]
    assert store.writes == 3


async def test_a_gateway_whose_breaker_was_never_open_closes_nobody_elses(
    one: Gateway, other: Gateway, store: Store
) -> None:
    one.call()
    one.open.add("rates")
    await one.write(0)
    other.call()
    await other.write(1)
    assert told(store)["since"] == NOON
    one.open.clear()
    await one.write(1)
    assert not told(store)["open"]


async def test_an_open_breaker_is_repeated_and_one_of_a_gateway_that_is_gone_ends(
    one: Gateway, other: Gateway, store: Store
) -> None:
    one.call()
    one.open.add("rates")
    await one.write(0)
    await one.write(119)
    assert store.writes == 1
    await one.write(1)
    assert (told(store)["checkedAt"], told(store)["since"]) == (NOON, NOON)
    assert told(store)["confirmedAt"] == "2026-11-23T12:02:00.000000Z"
    other.call()
    await other.write(299)
    assert told(store)["open"]
    other.call()
    await other.write()
    assert not told(store)["open"]


async def test_what_could_not_be_written_is_written_later_and_once(one: Gateway, store: Store) -> None:
    one.call(2)
    store.down = True
    await one.write(0)
    store.down = False
    await one.write()
    await one.write()
    assert (told(store)["calls"], store.writes) == (2, 1)


async def test_a_round_writes_few_connectors_and_begins_with_what_waits_longest(one: Gateway, store: Store) -> None:
    for number in range(MOST_IN_A_ROUND + 1):
        one.call(name=f"c{number:02}")
    await one.write(0)
    assert store.writes == MOST_IN_A_ROUND
    for number in range(MOST_IN_A_ROUND):
        one.call(name=f"c{number:02}")
    await one.write()
    assert told(store, f"c{MOST_IN_A_ROUND}")["calls"] == 1


async def test_nothing_is_kept_of_a_connector_that_is_gone(one: Gateway, store: Store) -> None:
    one.call()
    one.gone.add("rates")
    await one.write(0)
    assert store.writes == 0
    assert not one.tallies


async def test_the_last_counts_are_written_at_the_end(one: Gateway, store: Store) -> None:
    one.call()
    await one.write(0)
    one.call()
    await one.ledgers.stop()
    assert told(store)["calls"] == 2


async def test_it_is_no_account_of_an_app(one: Gateway, store: Store) -> None:
    one.call()
    await one.write(0)
    ledgers = Ledgers(store, NAMESPACE, Metrics())
    store.follow(ledgers)
    ledgers.deleted(store.objects["Ledger", NAMESPACE, connector_ledger("rates")])
    assert not ledgers._accounts


@pytest.mark.parametrize(("status", "errors"), [(200, 0), (500, 1), (404, 0)])
async def test_a_call_that_the_connector_failed_is_an_error(gateway: Installation, status: int, errors: int) -> None:
    gateway.records.changed(started(None))
    gateway.catalogue.changed(manifest())
    gateway.upstream.answer = OutboundResponse(status, {"content-type": "application/json"}, b"null")
    await ask(gateway, "book")
    assert gateway.parts.calls.tallies["rates"] == Tally(1, errors)
