# SPDX-License-Identifier: Apache-2.0
"""What calls cost: what is set aside before each attempt, what is booked after it, and who is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog

from genapps.api.ledger import PeriodAccount
from genapps.core.budgets.amounts import NOTHING, Amounts, Limits
from genapps.core.budgets.cost import TokenPrices
from genapps.gateway.budgets import spending
from genapps.gateway.egress.messages import (
    EgressReason,
    EgressRefusedError,
    FailureReason,
    OutboundResponse,
    UpstreamFailedError,
)
from tests.unit.gateway.budgets.replicas import CHILD, account
from tests.unit.gateway.connectors import BOOK, KEYED, LATEST, manifest
from tests.unit.gateway.test_model_connector import MESSAGES, answer, ask, model, sent
from tests.unit.gateway.world import Installation, Reply, app_record, envelope

PRICES = TokenPrices(3_000_000, 15_000_000, 300_000, 3_750_000)
CENT = 10_000
TEMPLATE = 256
NOT_SENT = UpstreamFailedError(FailureReason.CONNECT_FAILED, "10.0.0.1 refused", sent=False)
CUT = UpstreamFailedError(FailureReason.CLOSED, "10.0.0.1 closed", sent=True)
CLOSED_GATE = EgressRefusedError(EgressReason.ADDRESS_REFUSED, "10.0.0.1")
ENVELOPE = {"digest": "sha256:" + "a" * 64, "connectors": ["rates", "llm"]}


@pytest.fixture
def outside(gateway: Installation) -> Installation:
    gateway.records.changed(app_record(envelope=ENVELOPE))
    tools = [LATEST | {"cost": {"usd": "0.01"}}, BOOK | {"cost": {"usd": "0.01"}}, KEYED]
    gateway.catalogue.changed(manifest(tools=tools))
    gateway.catalogue.changed(model())
    return gateway


async def call(outside: Installation, tool: str = "latest", **members: Any) -> Reply:
    arguments = {"currency": "EUR"} if tool == "latest" else {}
    content = {"requestId": "r", "step": 1, "connector": "rates", "tool": tool, "arguments": arguments}
    return await outside.post("/v1/calls", content | members)


def limit(outside: Installation, **limits: int) -> None:
    outside.envelopes["finance"] = envelope(Limits(**limits), prices=PRICES)


async def told(outside: Installation, name: str = "budget.finance") -> PeriodAccount:
    """The account when all was told."""
    await outside.spending.stop()
    return account(outside.store, name)


async def spent(outside: Installation, name: str = "budget.finance") -> Amounts:
    return Amounts.of((await told(outside, name)).spent)


async def test_a_call_costs_what_its_tool_says_and_its_line_says_it(outside: Installation) -> None:
    with structlog.testing.capture_logs() as lines:
        assert (await call(outside)).status == 200
    assert lines[-1]["cost_micros"] == CENT
    assert await spent(outside) == Amounts(0, 1, 0, CENT)
    assert await spent(outside, CHILD) == Amounts(0, 1, 0, CENT)


async def test_an_answer_of_a_model_costs_what_it_says_it_used(outside: Installation) -> None:
    limit(outside, cost_micros=10**6)
    outside.upstream.answer = answer()  # 12 tokens of input, of them 4 cached, and 5 of output
    with structlog.testing.capture_logs() as lines:
        assert (await ask(outside)).status == 200
    micros = 8 * 3 + 2 + 5 * 15
    assert (lines[-1]["cost_micros"], lines[-1]["tokens"]) == (micros, 17)
    assert await spent(outside) == Amounts(17, 1, 0, micros)


async def test_the_price_of_a_tool_stands_before_the_prices_of_tokens(outside: Installation) -> None:
    limit(outside, cost_micros=10**6)
    outside.catalogue.changed(model(tools=[{"name": "chat", "effect": "Read", "cost": {"usd": "0.01"}}]))
    outside.upstream.answer = answer()
    assert (await ask(outside)).status == 200
    assert await spent(outside) == Amounts(17, 1, 0, CENT)


@pytest.mark.parametrize(
    ("reply", "tool", "used"),
    [
        pytest.param(NOT_SENT, "book", NOTHING, id="what never left costs nothing"),
        pytest.param(CLOSED_GATE, "book", NOTHING, id="nor what egress refuses"),
        pytest.param(CUT, "book", Amounts(0, 1, 0, CENT), id="what may have been done is paid"),
        pytest.param(
            OutboundResponse(404, {}, b""), "book", Amounts(0, 1, 0, CENT), id="and what the connector refused"
        ),
        pytest.param(OutboundResponse(500, {}, b""), "book", Amounts(0, 1, 0, CENT), id="and what it failed"),
        pytest.param(CUT, "latest", Amounts(0, 2, 0, 2 * CENT), id="a retried Read is paid twice"),
        pytest.param(NOT_SENT, "latest", NOTHING, id="unless neither attempt left"),
        pytest.param(OutboundResponse(200, {}, b"\xff"), "latest", Amounts(0, 1, 0, CENT), id="a bad result is paid"),
    ],
)
async def test_what_an_end_without_a_result_costs(outside: Installation, reply: Any, tool: str, used: Amounts) -> None:
    limit(outside, tool_calls=100, cost_micros=10**6)
    outside.upstream.answer = reply
    assert (await call(outside, tool)).status >= 400
    after = await told(outside)
    assert (Amounts.of(after.spent), after.leases) == (used, ())


@pytest.mark.parametrize(
    ("reply", "tokens", "micros"),
    [
        pytest.param(OutboundResponse(429, {}, b""), 0, 0, id="refused: no tokens"),
        pytest.param(OutboundResponse(400, {}, b""), 0, 0, id="refused for its arguments"),
        pytest.param(answer(usage=None), None, None, id="nothing said: the most that it can be"),
        pytest.param(answer(usage={"prompt_tokens": -1}), None, None, id="nonsense: the most that it can be"),
        pytest.param(
            answer(usage={"prompt_tokens": 1, "completion_tokens": 2}, choices=None), 3, 33, id="a bad result"
        ),
    ],
)
async def test_what_an_answer_of_a_model_costs_that_does_not_say_what_it_used(
    outside: Installation, reply: OutboundResponse, tokens: int | None, micros: int | None
) -> None:
    limit(outside, cost_micros=10**6)
    outside.upstream.answer = reply
    await ask(outside, messages=MESSAGES)
    _, body = sent(outside)
    size = len(outside.upstream.asked[-1][1].body) + TEMPLATE
    assert body["max_tokens"] == 100
    # A bound is of the dearest input: what the model writes to its cache.
    most = size + 100, -(-(size * 3_750_000 + 100 * 15_000_000) // 10**6)
    used = most if tokens is None else (tokens, micros)
    after = await told(outside)
    assert (after.spent.tokens, after.spent.tool_calls, after.spent.cost_micros) == (used[0], 1, used[1])


async def test_a_call_that_may_cost_more_than_is_left_never_leaves_and_a_smaller_one_does(
    outside: Installation,
) -> None:
    limit(outside, tokens=456)
    outside.upstream.answer = answer()
    refused = (await ask(outside, messages=MESSAGES * 10)).json()
    assert (refused["code"], refused["class"]) == ("BudgetExhausted", "limit")
    assert (refused["bucket"], refused["unit"], refused["spent"], refused["limit"]) == (
        "budget finance",
        "tokens",
        0,
        456,
    )
    assert refused["retryAfter"] == 86_400, "the period has eight more days, and nobody waits so long"
    assert outside.upstream.asked == []
    assert (await ask(outside)).status == 200
    after = await told(outside)
    assert (after.activity.refusals, after.spent.tokens) == (1, 17)


async def test_the_seconds_to_the_end_of_the_period_are_told(outside: Installation) -> None:
    limit(outside, tool_calls=0)
    outside.clock.forward(days=7, hours=23, minutes=59)
    reply = await call(outside)
    assert (reply.status, reply.headers["retry-after"], reply.json()["retryAfter"]) == (429, "60", 60)


async def test_the_ceiling_of_an_app_holds_below_its_budget(outside: Installation) -> None:
    limit(outside, cost_micros=10**9)
    tier = {"name": "small", "toolCallsPerAction": 2, "costUSDPerPeriod": "0.019999"}
    outside.records.changed(app_record(envelope=ENVELOPE, tier=tier))
    assert (await call(outside)).status == 200
    refused = (await call(outside)).json()
    assert (refused["bucket"], refused["unit"], refused["limit"]) == ("app", "costMicros", 19_999)


async def test_a_retry_without_budget_gives_the_first_failure(outside: Installation) -> None:
    limit(outside, tool_calls=1)
    outside.upstream.next_answers = [CUT]
    assert (await call(outside)).json()["code"] == "UpstreamFailed"
    assert len(outside.upstream.asked) == 1
    assert await spent(outside) == Amounts(0, 1, 0, CENT)


async def test_a_hit_of_the_cache_costs_nothing_and_says_what_it_saved(outside: Installation) -> None:
    outside.catalogue.changed(manifest(tools=[LATEST | {"cache": "1m", "cost": {"usd": "0.01"}}]))
    limit(outside, tool_calls=1)
    for _ in range(3):
        assert (await call(outside)).status == 200
    after = await told(outside)
    assert (after.spent.tool_calls, after.activity.cache_hits, after.activity.saved_micros) == (1, 2, 2 * CENT)


async def test_a_call_that_a_breaker_or_a_rate_refuses_sets_nothing_aside(outside: Installation) -> None:
    limit(outside, tool_calls=100)
    outside.catalogue.changed(manifest(limits={"perApp": {"callsPerMinute": 1}}))
    assert (await call(outside)).status == 200
    assert (await call(outside)).json()["code"] == "TooManyCalls"
    assert await spent(outside) == Amounts(0, 1)


async def test_a_call_that_finds_no_room_after_it_was_paid_gets_it_back(outside: Installation) -> None:
    """While both wait for the Ledger there is room for either; then the first one takes it."""
    limit(outside, tool_calls=100)
    outside.catalogue.changed(manifest(limits={"perApp": {"concurrency": 1}}))
    outside.upstream.hold = asyncio.Event()
    both = [asyncio.create_task(call(outside, requestId=name)) for name in "ab"]
    done, (waiting,) = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    assert done.pop().result().json()["code"] == "TooManyCalls"
    outside.upstream.hold.set()
    assert (await waiting).status == 200
    after = await told(outside)
    assert (after.spent.tool_calls, after.leases) == (1, ())


async def test_no_permit_is_held_while_the_ledger_is_awaited(
    outside: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(outside, tool_calls=100)
    held, get = [], outside.store.get

    async def watched(*about: Any) -> Any:
        held.append(outside.permits.running("rates"))
        return await get(*about)

    monkeypatch.setattr(outside.store, "get", watched)
    assert (await call(outside)).status == 200
    assert set(held) == {0}


async def test_a_caller_who_goes_in_the_middle_of_a_call_has_paid_for_it(outside: Installation) -> None:
    limit(outside, tool_calls=100)
    outside.upstream.hold, gone = asyncio.Event(), asyncio.Event()
    content = {"requestId": "r", "step": 1, "connector": "rates", "tool": "latest", "arguments": {"currency": "EUR"}}
    running = asyncio.create_task(outside.post("/v1/calls", content, gone=gone))
    await outside.upstream.begun.wait()
    gone.set()
    await running
    assert await spent(outside) == Amounts(0, 1, 0, CENT)


async def test_an_app_without_a_budget_is_refused_also_what_costs_nothing(outside: Installation) -> None:
    del outside.envelopes["finance"]
    refused = await call(outside)
    assert (refused.status, refused.json()["code"], refused.json()["retryAfter"]) == (503, "BudgetUnknown", 30)
    assert (await outside.post("/v1/heartbeat", {})).json()["credit"] == {
        "cpuMillis": 0,
        "seconds": 30,
        "exhausted": None,
    }
    outside.envelopes["marketing"] = envelope(budget="marketing")
    assert (await call(outside)).json()["code"] == "BudgetUnknown", "that of others pays for nobody else"
    assert outside.upstream.asked == []


async def test_an_api_server_that_does_not_answer_pays_nothing(outside: Installation) -> None:
    limit(outside, tool_calls=100)
    outside.store.down = True
    refused = await call(outside)
    assert (refused.status, refused.json()["code"]) == (503, "GatewayUnavailable")
    assert outside.upstream.asked == []


async def test_a_limit_that_shrinks_below_what_is_spent_refuses_and_a_higher_one_does_not(
    outside: Installation,
) -> None:
    limit(outside, tool_calls=3)
    assert [(await call(outside)).status for _ in range(3)] == [200] * 3
    limit(outside, tool_calls=2)
    refused = (await call(outside)).json()
    assert (refused["spent"], refused["limit"]) == (3, 2)
    limit(outside, tool_calls=4)
    assert (await call(outside)).status == 200
    assert (await call(outside)).json()["code"] == "BudgetExhausted"


async def test_shadow_counts_and_refuses_nothing(outside: Installation) -> None:
    outside.envelopes["finance"] = envelope(Limits(tool_calls=1), enforced=False)
    assert [(await call(outside)).status for _ in range(3)] == [200] * 3
    after = await told(outside)
    assert (after.spent.tool_calls, after.activity.shadow_refusals, after.activity.refusals) == (3, 2, 0)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd of 500 in one process on a busy machine: no write is given up because others have their turn."""
    monkeypatch.setattr(spending, "WRITE_SECONDS", 60.0)


@pytest.mark.parametrize(
    ("limits", "one"),
    [
        ({"tool_calls": 1}, Amounts(0, 1, 0, CENT)),
        ({"cost_micros": CENT}, Amounts(0, 1, 0, CENT)),
        ({"cost_micros": 2 * CENT - 1}, Amounts(0, 1, 0, CENT)),
    ],
)
async def test_of_500_calls_at_once_exactly_one_is_made_of_the_last_unit(
    outside: Installation, limits: dict[str, int], one: Amounts
) -> None:
    limit(outside, **limits)
    outside.catalogue.changed(
        manifest(
            tools=[LATEST | {"cost": {"usd": "0.01"}}],
            limits={
                "callsPerMinute": 10**6,
                "concurrency": 1000,
                "perApp": {"callsPerMinute": 10**5, "concurrency": 1000},
            },
        )
    )
    outside.records.changed(
        app_record(envelope=ENVELOPE, tier={"name": "small", "callsPerMinute": 100_000, "toolCallsPerAction": 2})
    )
    replies = await asyncio.gather(*(call(outside, requestId=f"r{number}") for number in range(500)))
    codes = [reply.json().get("code", "ok") for reply in replies]
    assert (codes.count("ok"), codes.count("BudgetExhausted")) == (1, 499)
    assert len(outside.upstream.asked) == 1
    after = await told(outside)
    assert (Amounts.of(after.spent), after.leases) == (one, ())


async def test_of_500_questions_at_once_exactly_one_gets_the_last_tokens(outside: Installation) -> None:
    outside.upstream.answer = answer(usage=None)
    await ask(outside)
    size = len(outside.upstream.asked.pop()[1].body) + TEMPLATE
    await outside.spending.stop()
    limit(outside, tokens=2 * (size + 100))
    outside.catalogue.changed(
        model(
            limits={
                "callsPerMinute": 10**6,
                "concurrency": 1000,
                "perApp": {"callsPerMinute": 10**5, "concurrency": 1000},
            }
        )
    )
    outside.records.changed(
        app_record(envelope=ENVELOPE, tier={"name": "small", "callsPerMinute": 100_000, "toolCallsPerAction": 2})
    )
    replies = await asyncio.gather(*(ask(outside) for _ in range(500)))
    assert [reply.status for reply in replies].count(200) == 1
    assert len(outside.upstream.asked) == 1
    assert (await spent(outside)).tokens == 2 * (size + 100)
