# SPDX-License-Identifier: Apache-2.0
"""A piece of an answer that leaves piece by piece, as the app sends it."""

from genapps_runtime.guest.turns import Call
from genapps_runtime.problems import ProblemError, call_problem
from genapps_runtime.serve.messages import Exchange
from genapps_runtime.serve.tools import Outcome

_FULL = "the caller has to take the last piece first: await it"
_NOT_BEGUN = "no answer has begun that leaves piece by piece"


def sent(exchange: Exchange, call: Call, results: dict[str, Outcome]) -> list[Call]:
    """Send a piece. The call is returned when it lasts until there is room for another; else its outcome is in
    `results`. Raises ProblemError (CallerGone)."""
    streamed = exchange.streamed
    if exchange.gone:
        raise ProblemError("CallerGone")
    if streamed is None or streamed.full:
        results[call.id] = {"problem": call_problem("SendRefused", _NOT_BEGUN if streamed is None else _FULL)}
        return []
    if call.payload["send"]:  # an empty chunk would be the last one
        streamed.send(call.payload["send"])
    if streamed.full:
        return [call]
    results[call.id] = {"ok": None}
    return []
