# SPDX-License-Identifier: Apache-2.0
"""What a call may cost and what it did: rounded up, and never more than was set aside."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.core.budgets.amounts import Amounts
from genapps.core.budgets.cost import FREE, NO_TOKENS, TokenPrices, Tokens, most_of_attempt, used_by_attempt

PRICE = st.integers(0, 10**15)
OTHER_PRICE = st.none() | PRICE
PRICES = st.builds(TokenPrices, PRICE, PRICE, OTHER_PRICE, OTHER_PRICE)
COUNT = st.integers(0, 10**9)


@st.composite
def said(draw: st.DrawFn) -> Tokens:
    """What an answer can say: of its input not more was cached and written than it had."""
    sent = draw(COUNT)
    cached = draw(st.integers(0, sent))
    return Tokens(sent, draw(COUNT), cached, draw(st.integers(0, sent - cached)))


@given(said(), COUNT, COUNT, PRICES, st.none() | PRICE)
def test_an_attempt_within_its_bound_never_costs_more_than_was_set_aside(
    tokens: Tokens, more_input: int, more_output: int, prices: TokenPrices, call_micros: int | None
) -> None:
    most = Tokens(tokens.input_tokens + more_input, tokens.output_tokens + more_output)
    bound = most_of_attempt(most, prices, call_micros)
    used = used_by_attempt(tokens, prices, call_micros)
    assert all(mine <= theirs for mine, theirs in zip(used, bound, strict=True))


@given(said(), PRICES)
def test_a_cost_is_the_exact_one_rounded_up(tokens: Tokens, prices: TokenPrices) -> None:
    cached = prices.input_micros if prices.cached_input_micros is None else prices.cached_input_micros
    written = prices.input_micros if prices.cache_write_micros is None else prices.cache_write_micros
    others = tokens.input_tokens - tokens.cached_tokens - tokens.cache_written_tokens
    exact = (
        Fraction(others * prices.input_micros, 10**6)
        + Fraction(tokens.cached_tokens * cached, 10**6)
        + Fraction(tokens.cache_written_tokens * written, 10**6)
        + Fraction(tokens.output_tokens * prices.output_micros, 10**6)
    )
    cost = used_by_attempt(tokens, prices, None).cost_micros
    assert exact <= cost < exact + 1


@pytest.mark.parametrize(
    ("tokens", "prices", "call_micros", "used"),
    [
        pytest.param(NO_TOKENS, FREE, None, Amounts(tool_calls=1), id="a call without a price is a call"),
        pytest.param(NO_TOKENS, FREE, 250, Amounts(0, 1, 0, 250), id="a price for each call"),
        pytest.param(Tokens(12, 5), FREE, None, Amounts(17, 1), id="tokens count without prices"),
        pytest.param(Tokens(1, 0), TokenPrices(1, 1), None, Amounts(1, 1, 0, 1), id="the least cost is a micro-dollar"),
        pytest.param(
            Tokens(1_000_000, 1_000_000), TokenPrices(3, 15), None, Amounts(2_000_000, 1, 0, 18), id="both ways"
        ),
        pytest.param(
            Tokens(10, 0, 4, 2), TokenPrices(10**6, 0, 10**5, 2 * 10**6), None, Amounts(10, 1, 0, 9),
            id="what was cached and what was written have their own prices",
        ),
        pytest.param(
            Tokens(10, 0, 4, 2), TokenPrices(10**6, 0), None, Amounts(10, 1, 0, 10), id="or the price of the input"
        ),
        pytest.param(Tokens(10, 5), TokenPrices(10**6, 10**6), 7, Amounts(15, 1, 0, 7), id="the tool's price wins"),
    ],
)  # fmt: skip
def test_what_an_attempt_used(tokens: Tokens, prices: TokenPrices, call_micros: int | None, used: Amounts) -> None:
    assert used_by_attempt(tokens, prices, call_micros) == used


def test_the_bound_takes_the_dearest_price_of_the_input() -> None:
    assert most_of_attempt(Tokens(10, 0), TokenPrices(10**6, 0, 1, 2 * 10**6), None).cost_micros == 20
