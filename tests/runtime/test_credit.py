# SPDX-License-Identifier: Apache-2.0
"""An app whose CPU is limited: it begins what is paid for, falls back when nothing is left, and is itself again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.egress.gateway_client import Called
from genapps_runtime.serve.credit import ASK_AGAIN_SECONDS, REFRESH_SECONDS
from tests.runtime.harness import until
from tests.runtime.lanes_world import Asked, LanesWorld
from tests.runtime.scripted_gateway import ScriptedGateway
from tests.runtime.telling_language import TellingLanguage

SOURCE = """
from genapps import ToolError, app, state, tools

@app.get("/page")
async def page(request):
    return "itself"

@app.get("/ask")
async def ask(request):
    return await tools.call("model", "chat")

def said(error):
    return [error.code, error.bucket, error.unit, error.spent, error.limit, error.retry_after]

@app.get("/ask-and-say")
async def ask_and_say(request):
    try:
        await tools.call("model", "chat")
    except ToolError as error:
        return said(error)

@app.get("/ask-at-once-and-say")
def ask_at_once_and_say(request):
    try:
        tools.call_sync("model", "chat")
    except ToolError as error:
        return said(error)

@app.get("/wait")
async def wait(request):
    await tools.call("model", "slow")
    return "waited"

@app.fallback
async def fallback(request):
    return "own"
"""
STATIC = {"status": 200, "contentType": "text/plain", "body": "later"}
SPENT = {"bucket": "budget finance", "unit": "cpuMillis", "spent": 9, "limit": 9, "retryAfter": 77}
Open = Callable[..., Any]


@dataclass
class Grants:
    """The gateway's side of heartbeats: `credits` are its next answers, the last one for good; None is no answer."""

    credits: list[Any] = field(default_factory=lambda: [{}])
    said: list[dict[str, Any]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def send(self, said: dict[str, Any]) -> dict[str, Any] | None:
        self.said.append(said)
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
        credit = self.credits.pop(0) if len(self.credits) > 1 else self.credits[0]
        return None if credit is None else {"suspended": False, "tenantKeys": None, **credit}


def granted(millis: int, exhausted: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"credit": {"cpuMillis": millis, "seconds": 30, "exhausted": exhausted}}


@pytest.fixture
def opened(telling_language: TellingLanguage, tmp_path: Path) -> Open:
    @asynccontextmanager
    async def opened(grants: Grants, **changes: Any) -> AsyncIterator[LanesWorld]:
        limits = {"cpuMillisPerAction": 500, "concurrency": 4}
        world = LanesWorld(telling_language, tmp_path, SOURCE, send=grants.send, limits=limits, **changes)
        yield world
        assert world.credit is not None
        await world.credit.close()
        await world.close()

    return opened


async def ask(world: LanesWorld, path: str) -> Asked:
    asked = world.ask(path)
    await world.answered(asked)
    return asked


def mark(asked: Asked) -> str:
    assert asked.reply is not None
    return b"".join(value for name, value in asked.reply.headers if name == b"genapps-fallback").decode()


async def test_a_gateway_that_limits_nothing_is_asked_now_and_then(opened: Open) -> None:
    grants = Grants()
    async with opened(grants) as app:
        for _ in range(5):
            assert (await ask(app, "/page")).answer == "itself"
        assert len(grants.said) == 1
        app.seconds += REFRESH_SECONDS
        await ask(app, "/page")
        await until(lambda: len(grants.said) == 2)
        assert grants.said[1]["activity"]["actions"] >= 5


async def test_nothing_begins_before_the_gateway_has_answered(opened: Open) -> None:
    grants = Grants([granted(10_000)], hold=asyncio.Event())
    async with opened(grants) as app:
        asked = app.ask("/page")
        await until(lambda: bool(grants.said))
        assert asked.reply is None
        assert grants.hold is not None
        grants.hold.set()
        await app.answered(asked)
        assert asked.answer == "itself"


async def test_who_waits_in_vain_learns_whether_it_was_for_credit_or_for_others(opened: Open) -> None:
    gateway = ScriptedGateway(hold=asyncio.Event())
    grants = Grants([granted(500), granted(0)], hold=asyncio.Event())
    assert grants.hold is not None
    assert gateway.hold is not None

    async def in_vain(app: LanesWorld) -> str:
        asked = app.ask("/page")
        await until(lambda: len(app.app._waiting) == 1)
        app.app._waiting[0] = replace(app.app._waiting[0], deadline=0.0)
        app.app._expire()
        await app.answered(asked)
        return asked.code

    async with opened(grants, gateway=gateway) as app:
        await until(lambda: bool(grants.said))
        assert await in_vain(app) == "CreditUnknown"
        grants.hold.set()
        await until(lambda: app.credit.places(0) == 1)
        running = app.ask("/wait")
        await until(lambda: len(gateway.calls) == 1)
        assert await in_vain(app) == "Busy"
        gateway.hold.set()
        await app.answered(running)


async def test_what_is_used_is_told_and_more_is_asked_for_before_it_is_gone(opened: Open) -> None:
    grants = Grants([granted(2000)])
    async with opened(grants) as app:
        assert (await ask(app, "/page")).answer == "itself"
        app.seconds += ASK_AGAIN_SECONDS
        assert (await ask(app, "/page")).answer == "itself"
        await until(lambda: len(grants.said) >= 2)
        assert grants.said[1]["cpu"]["wanted"] == 500
        assert grants.said[1]["cpu"]["boot"] == grants.said[0]["cpu"]["boot"]


async def test_no_more_begin_at_once_than_are_paid(opened: Open) -> None:
    gateway = ScriptedGateway(hold=asyncio.Event())
    grants = Grants([granted(1000), granted(0)])
    async with opened(grants, gateway=gateway) as app:
        await until(lambda: app.credit.places(0) == 2)
        several = [app.ask("/wait") for _ in range(4)]
        await until(lambda: len(gateway.calls) == 2)
        assert gateway.hold is not None
        gateway.hold.set()
        await app.answered(*several)
        assert [asked.answer for asked in several[:2]] == ["waited", "waited"]


@pytest.mark.parametrize(
    ("kinds", "answer", "why"),
    [({"static": STATIC}, "later", "budget"), ({"static": STATIC, "export": True}, "later", "budget")],
    ids=["a fixed answer", "the own one would need CPU"],
)
async def test_with_nothing_left_the_fallback_answers(opened: Open, kinds: Any, answer: str, why: str) -> None:
    grants = Grants([granted(0, SPENT)])
    declared = {"static": None, "lastGood": False, "export": False, **kinds}
    async with opened(grants, fallback=declared) as app:
        asked = await ask(app, "/page")
        assert (asked.answer, mark(asked)) == (answer, why)
        assert 'genapps_fallbacks_total{reason="budget"} 1' in app.metrics.render().decode()


async def test_without_a_fallback_the_caller_learns_which_limit_and_when(opened: Open) -> None:
    async with opened(Grants([granted(0, SPENT)])) as app:
        asked = await ask(app, "/page")
        assert asked.reply is not None
        assert asked.reply.status == 429
        assert (b"retry-after", b"77") in asked.reply.headers
        told = json.loads(asked.reply.body)
        assert {name: told[name] for name in SPENT} == SPENT
        assert told["code"] == "BudgetExhausted"


async def test_a_raised_limit_is_heard_of_without_a_restart(opened: Open) -> None:
    grants = Grants([granted(0, SPENT), granted(10_000)])
    async with opened(grants) as app:
        assert (await ask(app, "/page")).code == "BudgetExhausted"
        assert (await ask(app, "/page")).code == "BudgetExhausted", "it is not asked for each request"
        assert len(grants.said) == 1
        app.seconds += ASK_AGAIN_SECONDS
        assert (await ask(app, "/page")).answer == "itself"


async def test_credit_lapses_and_without_the_gateway_there_is_none(opened: Open) -> None:
    grants = Grants([granted(10_000), None])
    async with opened(grants) as app:
        assert (await ask(app, "/page")).answer == "itself"
        app.seconds += 31
        assert (await ask(app, "/page")).code == "CreditUnknown"
        grants.credits = [granted(10_000)]
        app.seconds += ASK_AGAIN_SECONDS
        assert (await ask(app, "/page")).answer == "itself"


async def test_what_was_paid_is_not_paid_again_when_word_of_it_is_old(opened: Open) -> None:
    grants = Grants([granted(10_000), granted(0)])
    async with opened(grants) as app:
        assert (await ask(app, "/page")).answer == "itself"
        app.seconds += 31
        assert (await ask(app, "/page")).answer == "itself"
        assert [said["cpu"]["wanted"] for said in grants.said] == [500, 0]


async def test_an_app_that_nothing_limits_goes_on_without_the_gateway(opened: Open) -> None:
    grants = Grants([{"credit": None}, None])
    async with opened(grants) as app:
        assert (await ask(app, "/page")).answer == "itself"
        app.seconds += 300
        assert (await ask(app, "/page")).answer == "itself"


@pytest.mark.parametrize("credit", [{"credit": None}, granted(10_000)], ids=["nothing is limited", "enough is left"])
async def test_a_gateway_that_does_not_answer_is_not_asked_for_each_request(opened: Open, credit: Any) -> None:
    grants = Grants([credit, None])
    async with opened(grants) as app:
        assert (await ask(app, "/page")).answer == "itself"
        app.seconds += REFRESH_SECONDS
        for _ in range(5):
            assert (await ask(app, "/page")).answer == "itself"
        assert len(grants.said) == 2
        app.seconds += ASK_AGAIN_SECONDS
        await ask(app, "/page")
        await until(lambda: len(grants.said) == 3)


async def test_a_gateway_that_grants_nothing_more_is_asked_with_pauses(opened: Open) -> None:
    gateway = ScriptedGateway(hold=asyncio.Event())
    grants = Grants([granted(900), granted(0)])
    async with opened(grants, gateway=gateway) as app:
        await until(lambda: app.credit.places(0) == 1)
        first = app.ask("/wait")
        await until(lambda: len(gateway.calls) == 1)
        second = app.ask("/page")
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(grants.said) <= 2
        assert gateway.hold is not None
        gateway.hold.set()
        await app.answered(first, second)
        assert (first.answer, second.answer) == ("waited", "itself")


async def test_a_limit_that_comes_later_is_heard_of(opened: Open) -> None:
    grants = Grants([{"credit": None}, granted(0, SPENT)])
    async with opened(grants) as app:
        assert (await ask(app, "/page")).answer == "itself"
        app.seconds += REFRESH_SECONDS
        await ask(app, "/page")
        await until(lambda: app.credit.limited)
        assert (await ask(app, "/page")).code == "BudgetExhausted"


@pytest.mark.parametrize(
    "credit", [{}, [], "much", {"cpuMillis": "5", "seconds": None}, {"cpuMillis": -5, "seconds": 3}]
)
async def test_an_answer_that_makes_no_sense_grants_nothing(opened: Open, credit: Any) -> None:
    async with opened(Grants([{"credit": credit}])) as app:
        assert (await ask(app, "/page")).code == "CreditUnknown"


REFUSAL = {**SPENT, "unit": "tokens", "code": "BudgetExhausted", "class": "limit", "detail": "nothing is left"}


@pytest.mark.parametrize(
    ("refused", "code"), [(REFUSAL, "BudgetExhausted"), ({"code": "BudgetUnknown"}, "CreditUnknown")]
)
async def test_an_action_that_fails_of_an_unpaid_call_asks_for_the_fallback(
    opened: Open, refused: dict[str, Any], code: str
) -> None:
    gateway = ScriptedGateway(answers={"model": lambda _: Called({"problem": refused}, wrote=False)})
    kinds = {"static": STATIC, "lastGood": False, "export": True}
    async with opened(Grants(), gateway=gateway, fallback=kinds) as app:
        asked = await ask(app, "/ask")
        assert (asked.answer, mark(asked)) == ("own", "budget")
        assert f'genapps_actions_total{{outcome="{code}"}} 1' in app.metrics.render().decode()
        assert (await ask(app, "/ask-and-say")).answer[0] == refused["code"]


@pytest.mark.parametrize("path", ["/ask-and-say", "/ask-at-once-and-say"])
async def test_an_app_can_say_what_ran_out(opened: Open, path: str) -> None:
    answers = {"model": lambda _: Called({"problem": REFUSAL}, wrote=False)}
    async with opened(Grants(), gateway=ScriptedGateway(answers=answers)) as app:
        assert (await ask(app, path)).answer == ["BudgetExhausted", "budget finance", "tokens", 9, 9, 77]
        answers["model"] = lambda _: Called({"problem": {"code": "BreakerOpen", "class": "limit"}}, wrote=False)
        assert (await ask(app, path)).answer == ["BreakerOpen", None, None, None, None, None]


async def test_other_refusals_of_tools_stay_what_they_were(opened: Open) -> None:
    problem = {"code": "TooManyCalls", "class": "limit", "detail": "slow down"}
    gateway = ScriptedGateway(answers={"model": lambda _: Called({"problem": problem}, wrote=False)})
    async with opened(Grants(), gateway=gateway) as app:
        assert (await ask(app, "/ask")).code == "ToolFailed"
