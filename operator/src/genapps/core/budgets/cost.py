# SPDX-License-Identifier: Apache-2.0
"""What one attempt of a call may use at most, and what it has used. Money is whole micro-dollars, always rounded up.

A price of the tool itself is for each call and stands before the prices of tokens. Without either a call costs nothing,
and its tokens count all the same.
"""

from __future__ import annotations

from typing import NamedTuple

from genapps.core.budgets.amounts import Amounts

_MILLION = 1_000_000
_HOUR_MILLIS = 3_600_000


class TokenPrices(NamedTuple):
    """Millionths of a US dollar for a million tokens."""

    input_micros: int = 0
    output_micros: int = 0
    cached_input_micros: int | None = None
    """For input that the model read from its cache; None: as any input."""
    cache_write_micros: int | None = None
    """For input that the model wrote to its cache; None: as any input."""

    @property
    def dearest_input(self) -> int:
        """The most that a token of the input can cost, whatever the model does with it."""
        return max(self.input_micros, self.cached_input_micros or 0, self.cache_write_micros or 0)


FREE = TokenPrices()


class Tokens(NamedTuple):
    """Tokens of one answer of a model, as it says."""

    input_tokens: int = 0
    """All of the input, those from the cache included."""
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of the input, those that were read from the model's cache."""
    cache_written_tokens: int = 0
    """Of the input, those that were written to it."""

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input_tokens + self.output_tokens


NO_TOKENS = Tokens()


def beyond(tokens: Tokens, most: Tokens) -> int:
    """How many tokens of the input and of the output are more than these."""
    more_input, more_output = tokens.input_tokens - most.input_tokens, tokens.output_tokens - most.output_tokens
    return max(0, more_input) + max(0, more_output)


def most_of_attempt(tokens: Tokens, prices: TokenPrices, call_micros: int | None) -> Amounts:
    """What is set aside for an attempt that can use so many tokens. `call_micros` is the tool's own price."""
    micros = call_micros
    if micros is None:
        micros = _rounded_up(tokens.input_tokens * prices.dearest_input + tokens.output_tokens * prices.output_micros)
    return Amounts(tokens=tokens.total, tool_calls=1, cost_micros=micros)


def used_by_attempt(tokens: Tokens, prices: TokenPrices, call_micros: int | None) -> Amounts:
    """What an attempt used whose answer says so many tokens. Never more than was set aside for as many or more."""
    micros = call_micros
    if micros is None:
        cached, written = tokens.cached_tokens, tokens.cache_written_tokens
        plain, input_micros = tokens.input_tokens - cached - written, prices.input_micros
        cached_micros = input_micros if prices.cached_input_micros is None else prices.cached_input_micros
        write_micros = input_micros if prices.cache_write_micros is None else prices.cache_write_micros
        sent = plain * input_micros + cached * cached_micros + written * write_micros
        micros = _rounded_up(sent + tokens.output_tokens * prices.output_micros)
    return Amounts(tokens=tokens.total, tool_calls=1, cost_micros=micros)


def cpu_cost(millis: int, micros_per_hour: int) -> int:
    """Micro-dollars of so many CPU milliseconds."""
    return -(-millis * micros_per_hour // _HOUR_MILLIS)


def millis_for(micros: int, micros_per_hour: int) -> int:
    """CPU milliseconds that so many micro-dollars pay; the price is not 0."""
    return micros * _HOUR_MILLIS // micros_per_hour


def _rounded_up(millionths: int) -> int:
    """Whole micro-dollars of millionths of them."""
    return -(-millionths // _MILLION)
