# SPDX-License-Identifier: Apache-2.0
"""What the types of connectors share: a prepared call, its outcome, and how one ends that was not answered as it
should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any, NamedTuple, Protocol

from genapps.core.budgets.cost import NO_TOKENS, Tokens
from genapps.gateway.egress.messages import OutboundRequest, OutboundResponse
from genapps.gateway.messages import ToolCall
from genapps.gateway.problems import Code, Problem

_RETRY_SECONDS = 5
_LONGEST_RETRY_SECONDS = 3600


class Health(StrEnum):
    """What the end of a call says about the connector: what its breaker counts."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    """Nothing: the fault was elsewhere."""


JSON = "application/json"


class Spent(Enum):
    """What an attempt that failed has used, as far as that can be told."""

    NOTHING = auto()
    """It never left the gateway."""
    THE_CALL = auto()
    """The connector was asked, and refused: no tokens."""
    THE_BOUND = auto()
    """Nobody knows, so it counts as the most that it can have used."""


class Outcome(NamedTuple):
    """What a call brought: the result as JSON can say it, and the tokens that it used, where there are such."""

    value: Any
    usage: Tokens | None = None


class Prepared(NamedTuple):
    """One attempt: what is sent, and what reads the answer. `read` raises CallFailedError."""

    request: OutboundRequest
    read: Callable[[OutboundResponse], Outcome]
    most: Tokens = NO_TOKENS
    """The most tokens that it can use."""
    completed: Mapping[str, Any] | None = None
    """The arguments that the connector gets, where the gateway has changed the app's."""


class Binding(Protocol):
    """How one tool is spoken to; each type of connector has its own."""

    def prepare(self, connector: str, call: ToolCall) -> Prepared:
        """One attempt of a call. Raises CallFailedError for arguments that make none."""


@dataclass(slots=True, eq=False)  # not frozen: contextlib sets the traceback of what passes through it
class CallFailedError(Exception):
    """The call has no result. `problem` is what the app is told; `health` is what the breaker is told; `spent` and
    `usage`, where the answer said some, are what the budget is told."""

    problem: Problem
    health: Health
    spent: Spent = Spent.THE_BOUND
    usage: Tokens | None = None


def arguments_invalid(tool: str, why: str) -> CallFailedError:
    """The arguments fit the schema, and still make no request."""
    detail = f"The arguments of '{tool}' are invalid: {why}."
    return CallFailedError(Problem(Code.ARGUMENTS_INVALID, detail), Health.UNKNOWN, Spent.NOTHING)


def result_invalid(connector: str, why: str) -> CallFailedError:
    """The connector answered, and not as its contract says: its defect, and no fault of the app's."""
    detail = f"The connector '{connector}' answered with a result that {why}. This is a defect of the connector."
    return CallFailedError(Problem(Code.RESULT_INVALID, detail), Health.BAD)


def unchecked(connector: str, error: Exception) -> CallFailedError:
    """Nobody said no to the result of a call that only reads, so it is no defect of the connector's."""
    detail = f"The result of the connector '{connector}' could not be checked ({error}), so it was thrown away."
    return CallFailedError(Problem(Code.CHECK_FAILED, detail, retry_after=_RETRY_SECONDS), Health.UNKNOWN)


def outcome_unknown(connector: str, why: str) -> CallFailedError:
    """The call may have been executed."""
    detail = (
        f"The connector '{connector}' {why}. The call may have been executed. Look at the connector before you try"
        " again."
    )
    return CallFailedError(Problem(Code.OUTCOME_UNKNOWN, detail), Health.BAD)


def upstream_failed(connector: str, why: str, spent: Spent = Spent.THE_BOUND) -> CallFailedError:
    """The connector did not do what it was asked for."""
    detail = f"The connector '{connector}' {why}. Nothing was executed. Try again after retryAfter seconds."
    return CallFailedError(Problem(Code.UPSTREAM_FAILED, detail, retry_after=_RETRY_SECONDS), Health.BAD, spent)


def broken_off(connector: str, why: str) -> CallFailedError:
    """The connector began to answer a call that only reads, and did not end."""
    detail = (
        f"The connector '{connector}' broke off its answer ({why}). What has come of it is not complete. Try again"
        " after retryAfter seconds."
    )
    return CallFailedError(Problem(Code.UPSTREAM_FAILED, detail, retry_after=_RETRY_SECONDS), Health.BAD)


def out_of_time(connector: str, what: str = "was not begun", spent: Spent = Spent.NOTHING) -> CallFailedError:
    """The action ends before the call does. It has changed nothing; that it was late is no fault of the connector's."""
    detail = (
        f"The time of the request is used up: the call of the connector '{connector}' {what}. Nothing was changed. Try"
        " again in another request."
    )
    return CallFailedError(Problem(Code.DEADLINE_EXCEEDED, detail), Health.UNKNOWN, spent)


def status_failed(connector: str, status: int, retry_after: str | None, *, wrote: bool) -> CallFailedError:
    """The connector answered with a status that is no success. `wrote`: the tool may change something."""
    if status == 429:
        seconds = _seconds(retry_after)
        detail = f"The connector '{connector}' is called too often. Try again after retryAfter seconds."
        problem = Problem(Code.UPSTREAM_FAILED, detail, retry_after=seconds, upstream_status=status)
        return CallFailedError(problem, Health.UNKNOWN, Spent.THE_CALL)
    if 400 <= status < 500 and status != 408:
        detail = f"The connector '{connector}' refused the call with HTTP status {status}. Nothing was executed."
        problem = Problem(Code.UPSTREAM_REFUSED, detail, upstream_status=status)
        # A credential that is refused is the platform's fault, and fails every call.
        return CallFailedError(problem, Health.BAD if status in (401, 407) else Health.GOOD, Spent.THE_CALL)
    if wrote:
        return outcome_unknown(connector, f"answered with HTTP status {status}")
    detail = f"The connector '{connector}' failed with HTTP status {status}. Try again after retryAfter seconds."
    problem = Problem(Code.UPSTREAM_FAILED, detail, retry_after=_seconds(retry_after), upstream_status=status)
    return CallFailedError(problem, Health.BAD)


def _seconds(retry_after: str | None) -> int:
    """What a connector says about when to come back, if that is a number of seconds."""
    if retry_after is None or not retry_after.isascii() or not retry_after.isdecimal() or len(retry_after) > 6:
        return _RETRY_SECONDS
    return min(max(int(retry_after), 1), _LONGEST_RETRY_SECONDS)
