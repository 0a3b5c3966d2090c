# SPDX-License-Identifier: Apache-2.0
"""When a fallback answers, and when it must not: ends of actions without a guest."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from genapps_runtime.config import Fallback, StaticFallback
from genapps_runtime.metrics import Metrics
from genapps_runtime.problems import CODES, ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.ended import Ended
from genapps_runtime.serve.fallback.flows import REASONS, Fallbacks
from genapps_runtime.serve.messages import Exchange, Reply, Request
from genapps_runtime.state.facet import Facet

STATIC = StaticFallback(200, "text/plain", "later")


def action() -> Action:
    exchange = Exchange(Request("r", "GET", "/", "", [], b""), 0.0, lambda _reply: None)
    facet: Any = SimpleNamespace(tenant="default", view=None)
    return Action(1, exchange, cast("ActionContext", None), facet, 0.0)


def never(_exchange: Exchange, _facet: Facet) -> Action | None:
    raise AssertionError("no fallback of the app's own was declared")


def fallbacks(config: Fallback) -> Fallbacks:
    return Fallbacks(config, Metrics(), lambda: 0.0, never)


@pytest.mark.parametrize("code", CODES)
def test_only_breaker_timeout_and_trap_ask_for_it(code: str) -> None:
    (ended,) = fallbacks(Fallback(STATIC, last_good=False, export=False)).take([Ended(action(), ProblemError(code))])
    assert (ended.instead is not None) is (code in REASONS)
    assert isinstance(ended.outcome, ProblemError), "whoever stores outcomes stores no fallback"


def test_a_caller_who_has_gone_gets_none() -> None:
    gone = action()
    gone.exchange.leave()
    (ended,) = fallbacks(Fallback(STATIC, last_good=True, export=True)).take(
        [Ended(gone, ProblemError("GuestTrapped"))]
    )
    assert ended.instead is None


def test_the_fixed_answer_is_kept_by_nobody_on_the_way() -> None:
    (ended,) = fallbacks(Fallback(STATIC, last_good=False, export=False)).take(
        [Ended(action(), ProblemError("ActionTimeout"))]
    )
    assert ended.instead is not None
    assert ended.instead.reply == Reply(
        200,
        [(b"content-type", b"text/plain"), (b"cache-control", b"no-store"), (b"genapps-fallback", b"timeout")],
        b"later",
    )
