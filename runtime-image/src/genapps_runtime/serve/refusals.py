# SPDX-License-Identifier: Apache-2.0
"""What an app is told whose call, or turn, is refused."""

from typing import Any

from genapps_runtime.guest import turns
from genapps_runtime.guest.immediate import ToolWantedError, TurnWantedError
from genapps_runtime.guest.instance import GuestGoneError
from genapps_runtime.problems import ProblemError, spent_up

RESULTS_CHARACTERS = 4 * 1024 * 1024
"""Of what this process answers in one turn; the one that goes beyond it is the last. So many that all is held twice."""
TOO_MUCH = f"what a request reads at once may have at most {RESULTS_CHARACTERS} characters: await fewer calls together"
TOOL_AFTER_SQL = "a request cannot call a tool after it has written by SQL: call the tool first, or in another request"
BESIDE_TOOL = "a tool cannot be called without await while another one is being called: await that one first"
SQL_BESIDE_TOOL = "a statement cannot write while a tool is being called: await the tool first"
READ_ONLY = "the app's fallback reads its state only: it cannot call tools or write"
_MIXED = "the app mixed an answer that leaves piece by piece with one that does not"


def failure(turn: turns.Failed, unpaid: dict[str, Any] | None) -> ProblemError:
    """How an action ends that says it failed. `unpaid` is the refusal of a call that its budget did not cover: what
    fails of that is no fault of the app."""
    if turn.code != "ToolFailed" or unpaid is None:
        return ProblemError(turn.code, turn.detail)
    return spent_up(unpaid) if unpaid.get("code") == "BudgetExhausted" else ProblemError("CreditUnknown")


def read_turn(
    text: bytes, ended: ProblemError | TurnWantedError | ToolWantedError | None, *, streaming: bool
) -> turns.Turn:
    """The turn of an action whose answer leaves piece by piece, if it is `streaming`.

    `ended` is why its attempt cannot go on, which counts more than a response that cannot be sent. Raises it then, else
    ProblemError, or GuestGoneError.
    """
    try:
        turn = turns.parse_turn(text)
    except turns.TurnInvalidError as error:
        raise GuestGoneError("TurnInvalid", str(error)) from None
    except turns.ResponseInvalidError as error:
        raise ended or ProblemError("ResponseInvalid", str(error)) from None
    if isinstance(turn, turns.ANSWERING) and isinstance(turn, turns.End) is not streaming:
        raise ended or GuestGoneError("TurnInvalid", _MIXED)
    return turn
