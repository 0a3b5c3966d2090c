# SPDX-License-Identifier: Apache-2.0
"""A connector that used more than it was allowed: all of it is booked, and nobody calls it until its spec changes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import structlog

from genapps.api.names import connector_ledger
from genapps.core.budgets.amounts import Amounts, Limits
from genapps.core.budgets.cost import TokenPrices
from genapps.gateway.budgets.blocked import BlockedConnectors
from genapps.gateway.egress.messages import OutboundResponse
from genapps.gateway.ledgers.connector_ledger import ConnectorLedgers
from genapps.gateway.ledgers.rounds import ROUND_SECONDS
from tests.unit.gateway.budgets.replicas import account
from tests.unit.gateway.test_model_connector import answer, ask, model
from tests.unit.gateway.test_model_streams import DONE, EVENTS, delta, event, lines, stream, told
from tests.unit.gateway.world import NAMESPACE, Installation, app_record, envelope

MOST_COUNTED = 10**9


def versioned(generation: int, uid: str = "u", **spec: Any) -> dict[str, Any]:
    found = model(**spec)
    return found | {"metadata": {"name": "llm", "uid": uid, "generation": generation}}


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    gateway.records.changed(app_record(envelope={"digest": "sha256:" + "a" * 64, "connectors": ["llm"]}))
    gateway.catalogue.changed(versioned(1))
    gateway.envelopes["finance"] = envelope(Limits(tokens=1000), prices=TokenPrices(10**6, 10**6))
    return gateway


def writing(outside: Installation, blocked: BlockedConnectors) -> ConnectorLedgers:
    """The part of a gateway that writes what it saw of connectors."""
    return ConnectorLedgers(
        outside.store,
        NAMESPACE,
        outside.metrics,
        outside.parts.calls.tallies,
        is_open=lambda _: False,
        known=lambda _: True,
        blocked=blocked,
        clock=outside.clock,
        monotonic=lambda: outside.clock.now.timestamp(),
    )


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 12, "completion_tokens": 101}, 113),
        ({"prompt_tokens": 5000, "completion_tokens": 5}, 5005),
        ({"prompt_tokens": 12, "completion_tokens": 10**15}, MOST_COUNTED + 12),
    ],
)
async def test_what_was_used_beyond_the_bound_is_booked_and_the_connector_blocked(
    outside: Installation, usage: dict[str, int], tokens: int
) -> None:
    outside.upstream.answer = answer(usage=usage)
    with structlog.testing.capture_logs() as written:
        assert (await ask(outside)).json()["code"] == "ResultInvalid"
    alarm = next(line for line in written if line["event"] == "connector_overran")
    assert (alarm["log_level"], alarm["connector"], alarm["app"]) == ("error", "llm", "converter")
    assert outside.metrics.registry.get_sample_value("genapps_gateway_overruns_total", {"connector": "llm"}) == 1
    blocked = await ask(outside)
    assert (blocked.status, blocked.json()["code"], blocked.json()["class"]) == (503, "ConnectorBlocked", "limit")
    assert len(outside.upstream.asked) == 1
    await outside.spending.stop()
    booked = account(outside.store, "budget.finance")
    assert booked.spent == Amounts(tokens, 1, 0, tokens).stored()
    assert (booked.overrun.tokens > 0) == (tokens > 1000), "what was set aside for the input covers the rest"


async def test_the_most_that_was_allowed_is_no_overrun(outside: Installation) -> None:
    outside.upstream.answer = answer(usage={"prompt_tokens": 12, "completion_tokens": 100})
    assert [(await ask(outside)).status for _ in range(2)] == [200, 200]


async def test_a_stream_that_used_more_is_booked_and_blocked_as_well(outside: Installation) -> None:
    outside.upstream.answer = OutboundResponse(200, EVENTS, b"")
    used = {"prompt_tokens": 12, "completion_tokens": 101}
    outside.upstream.pieces = event(delta("1")), told(used), DONE
    assert lines(await stream(outside))[-1]["problem"]["code"] == "ResultInvalid"
    assert (await stream(outside)).json()["code"] == "ConnectorBlocked"
    await outside.spending.stop()
    assert account(outside.store, "budget.finance").spent.tokens == 113


async def test_both_gateways_refuse_it_also_after_a_restart_until_its_spec_changes(outside: Installation) -> None:
    outside.upstream.answer = answer(usage={"prompt_tokens": 12, "completion_tokens": 101})
    await ask(outside)
    await writing(outside, outside.blocked).write()
    other = BlockedConnectors(outside.clock)
    other.listed([outside.store.objects["Ledger", NAMESPACE, connector_ledger("llm")]], "1")
    for changed, refused in (
        (versioned(1), True),
        (versioned(2), False),
        (versioned(1, uid="another"), False),
        (versioned(1), True),
    ):
        outside.catalogue.changed(changed)
        offer = outside.catalogue.find("llm")
        assert offer is not None
        assert (outside.blocked.blocks(offer), other.blocks(offer)) == (refused, refused)


async def test_an_outage_loses_no_block_and_a_block_is_written_once(outside: Installation) -> None:
    outside.upstream.answer = answer(usage={"prompt_tokens": 12, "completion_tokens": 101})
    await ask(outside)
    ledgers = writing(outside, outside.blocked)
    outside.store.down = True
    await ledgers.write()
    outside.store.down = False
    outside.clock.forward(seconds=ROUND_SECONDS)
    await ledgers.write()
    use = outside.store.objects["Ledger", NAMESPACE, connector_ledger("llm")]["record"]["connector"]
    assert (use["overrun"]["version"], use["calls"]) == ("u/1", 1)
    writes = outside.store.writes
    outside.clock.forward(seconds=ROUND_SECONDS)
    await ledgers.write()
    assert outside.store.writes == writes


async def test_a_stream_is_paid_by_its_last_frame_or_else_by_its_bound(outside: Installation) -> None:
    outside.upstream.answer = OutboundResponse(200, EVENTS, b"")
    outside.upstream.pieces = event(delta("1")), told({"prompt_tokens": 12, "completion_tokens": 5}), DONE
    await stream(outside)
    outside.upstream.pieces = event(delta("1")), told({"prompt_tokens": 12, "completion_tokens": 5})
    assert lines(await stream(outside))[-1]["problem"]["code"] == "UpstreamFailed"
    size = len(outside.upstream.asked[-1][1].body) + 256
    assert orjson.loads(outside.upstream.asked[-1][1].body)["max_tokens"] == 100
    await outside.spending.stop()
    assert account(outside.store, "budget.finance").spent.tokens == 17 + size + 100
