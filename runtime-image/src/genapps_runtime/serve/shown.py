# SPDX-License-Identifier: Apache-2.0
"""What a caller gets of an end: the reply, the fallback or the problem, as this app's callers may see it."""

import traceback
from collections.abc import Iterable

from genapps_runtime import logs
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.cors import Cors
from genapps_runtime.serve.ended import Ended
from genapps_runtime.serve.messages import Answer, Exchange, Reply, Streamed, problem_reply
from genapps_runtime.serve.representations import may_differ, represented, varying


def shown(ended: Ended, cors: Cors | None, chosen_by: bytes | None, *, debug: bool) -> Answer:
    """`chosen_by` is the header that tells tenants apart; None: there is one tenant."""
    outcome, request = ended.outcome, ended.action.exchange.request
    if ended.instead is not None:
        outcome = ended.instead.reply
    elif isinstance(outcome, ProblemError):
        outcome = problem_reply(outcome, request.id, debug=debug)
    elif isinstance(outcome, Reply) and may_differ(outcome):
        outcome = represented(request, outcome)
    if chosen_by is not None and isinstance(outcome, Reply):
        # Else a cache on the way might give it to another tenant.
        outcome = Reply(outcome.status, varying(outcome.headers, chosen_by), outcome.body)
    if cors is not None and not isinstance(outcome, Streamed):
        return cors.told(request, outcome)
    return outcome


def deliver(replies: Iterable[tuple[Exchange, Answer, str]]) -> None:
    """Send each reply to its caller; with the code of the end, which tells how a streamed one is finished."""
    for exchange, reply, code in replies:
        try:
            if not isinstance(reply, Streamed):
                exchange.reply(reply)
            else:
                (reply.end if code == "ok" else reply.break_off)()
        except Exception:
            logs.write("runtime failed", level="error", requestId=exchange.request.id, trace=traceback.format_exc())
