# SPDX-License-Identifier: Apache-2.0
"""What an app with frozen contracts may call: no more than was reviewed, and no more than the connector has now."""

from typing import Any

import pytest

from genapps.api.apprecord import FrozenContract
from genapps.core.contracts.contract import contract_of
from genapps.core.contracts.stored import contract_object
from genapps.gateway import reviewed
from genapps.gateway.catalogue import Catalogue, Offer
from genapps.gateway.contracts.stored import StoredContracts
from genapps.gateway.reviewed import ReviewedOffers
from tests.unit.gateway.connectors import BOOK, LATEST, connector, manifest
from tests.unit.gateway.test_withdrawn_tools import RENAMED, ask, code, digest, frozen, started, store
from tests.unit.gateway.world import Installation

REVIEWED = connector(tools=[LATEST, BOOK])
EXTRA = {**BOOK, "name": "extra"}
MODEL: dict[str, Any] = {"type": "Model", "tools": [], "models": ["small", "large"], "maxTokens": 1000}


@pytest.fixture
def app(gateway: Installation) -> Installation:
    """A gateway with an app that was reviewed with `latest` and `book`, and an unchanged connector."""
    store(gateway, REVIEWED)
    gateway.records.changed(started(None, **frozen(REVIEWED)))
    gateway.catalogue.changed(manifest(tools=[LATEST, BOOK]))
    return gateway


async def test_while_nothing_changes_the_current_contract_is_in_force(app: Installation) -> None:
    assert await code(app) == "ok"
    assert await code(app, "drop") == "ToolNotInContract"


async def test_a_new_tool_waits_for_a_review(app: Installation) -> None:
    app.catalogue.changed(manifest(tools=[LATEST, BOOK, EXTRA]))
    assert await code(app) == "ok"
    assert await code(app, "extra") == "ToolNotInContract"
    assert app.store.ledger()["total"] == 1


async def test_a_wider_input_waits_for_a_review_and_a_narrower_one_holds_at_once(app: Installation) -> None:
    wider = {**LATEST["input"], "properties": {"currency": {"type": "string"}}}
    app.catalogue.changed(manifest(tools=[{**LATEST, "input": wider}, BOOK]))
    assert await code(app, currency="euro") == "ArgumentsInvalid"
    assert await code(app, currency="EUR") == "ok"
    properties = {"currency": {"type": "string", "pattern": "^[A-Z]{3}$", "enum": ["USD"]}}
    narrow = {**LATEST["input"], "properties": properties}
    app.catalogue.changed(manifest(tools=[{**LATEST, "input": narrow}, BOOK]))
    assert await code(app, currency="EUR") == "ArgumentsInvalid"
    assert await code(app, currency="USD") == "ok"


async def test_a_withdrawn_tool_is_gone_at_once_and_is_no_violation(app: Installation) -> None:
    app.catalogue.changed(manifest(tools=[BOOK, RENAMED]))
    assert await code(app) == "ToolWithdrawn"
    assert await code(app, "newest") == "ToolNotInContract", "it was not reviewed"


async def test_a_tool_that_is_another_call_waits_for_a_review_and_is_no_violation(app: Installation) -> None:
    app.catalogue.changed(manifest(tools=[{**LATEST, "path": "/v2/latest/{currency}"}, BOOK]))
    reply = await ask(app)
    assert reply.json()["code"] == "ToolWithdrawn"
    assert "changed its path" in reply.json()["detail"]
    assert app.upstream.asked == []
    assert app.store.writes == 0


async def test_a_withdrawn_grant_holds_at_once(app: Installation) -> None:
    app.catalogue.changed(manifest(tools=[LATEST, BOOK, EXTRA], namespaces=["sales"]))
    assert await code(app) == "ConnectorNotGranted"


@pytest.mark.parametrize("other", ["another connector", "a contract that is not there"])
async def test_what_was_not_reviewed_or_is_not_known_cannot_be_used(app: Installation, other: str) -> None:
    changed = connector(tools=[LATEST])
    record = frozen(REVIEWED, "mail") if other == "another connector" else frozen(changed)
    app.records.changed(started(None, **record))
    assert await code(app) == "ConnectorUnavailable"
    assert app.store.writes == 0


def offers(*contracts: Any) -> ReviewedOffers:
    stored = StoredContracts()
    stored.listed([contract_object("genapps-system", contract_of(each.spec)) for each in contracts], "1")
    return ReviewedOffers(stored)


def current(**spec: Any) -> Offer:
    catalogue = Catalogue()
    catalogue.changed(manifest(**spec))
    found = catalogue.find("rates")
    assert found is not None
    return found


def of(one: Any) -> tuple[FrozenContract, ...]:
    return (FrozenContract(connector="rates", digest=digest(one)),)


def test_what_is_in_force_is_made_once_for_all_apps_and_anew_when_the_connector_changes() -> None:
    found, now = offers(REVIEWED), current(tools=[LATEST, BOOK, EXTRA])
    first = found.offer(now, of(REVIEWED))
    assert set(first.tools) == {"latest", "book"}
    assert first.contract_digest not in (now.contract_digest, digest(REVIEWED)), "no result of others is reused"
    assert found.offer(now, of(REVIEWED)) is first
    assert set(found.offer(current(tools=[BOOK, EXTRA]), of(REVIEWED)).tools) == {"book"}
    assert len(found) == 1


def test_the_pair_that_was_used_longest_ago_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewed, "MOST_KEPT", 2)
    several = [connector(tools=[{**BOOK, "name": name}]) for name in ("a", "b", "c")]
    found, now = offers(*several), current(tools=[BOOK])
    kept = [found.offer(now, of(each)) for each in several]
    assert len(found) == 2
    assert found.offer(now, of(several[2])) is kept[2]
    assert found.offer(now, of(several[0])) is not kept[0]


def test_models_are_those_of_both_and_the_smaller_bound_holds() -> None:
    before = connector(**MODEL)
    found = offers(before)
    spec = found.offer(current(**MODEL | {"models": ["huge", "large"], "maxTokens": 5000}), of(before)).spec
    assert (spec.models, spec.max_tokens) == (("large",), 1000)
    none = found.offer(current(**MODEL | {"models": ["huge"]}), of(before))
    assert none.tools == {}
    assert none.unusable == "none of the reviewed models is left"
