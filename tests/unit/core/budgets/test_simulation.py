# SPDX-License-Identifier: Apache-2.0
"""What limits would have done to a period."""

from genapps.core.budgets.amounts import Limits
from genapps.core.budgets.simulation import Simulated, simulate
from tests.unit.core.budgets.test_balance import account

DAYS = [{"day": f"2026-11-{day:02}", "spent": {"tokens": 10, "toolCalls": 1}} for day in range(1, 31)]
WHOLE = account(spent={"tokens": 305, "toolCalls": 30}, days=DAYS)


def test_a_limit_is_reached_on_the_day_that_passes_it() -> None:
    assert simulate(WHOLE, Limits(tokens=100)) == [Simulated("tokens", 100, 305, "2026-11-11")]
    assert simulate(WHOLE, Limits(tokens=99))[0].reached == "2026-11-10"
    assert simulate(WHOLE, Limits(tokens=100))[0].refused == 205


def test_a_limit_that_is_large_enough_refuses_nothing() -> None:
    (one,) = simulate(WHOLE, Limits(tool_calls=30))
    assert (one.reached, one.refused) == (None, 0)
    (past,) = simulate(WHOLE, Limits(tool_calls=29))
    assert (past.reached, past.refused) == ("2026-11-30", 1)


def test_what_is_on_no_day_counts_at_the_end() -> None:
    (one,) = simulate(WHOLE, Limits(tokens=302))
    assert (one.reached, one.refused) == ("the end", 3)


def test_only_limits_that_are_named_are_told() -> None:
    assert simulate(WHOLE, Limits()) == []
    assert [one.unit for one in simulate(WHOLE, Limits(tokens=0, cost_micros=0))] == ["tokens", "costMicros"]
