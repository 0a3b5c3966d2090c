# SPDX-License-Identifier: Apache-2.0
"""What becomes of an entry after an attempt: it has ended, or it waits again."""

from typing import NamedTuple

from genapps_runtime.serve.background.entries import ATTEMPTS, Entry, State
from genapps_runtime.serve.messages import SERVER_ERROR, Answer, Exchange, Reply
from genapps_runtime.serve.own_requests import OF_TENANT

_TRIED_AGAIN = frozenset({"AppRestarted", "Busy"})
"""With these nothing was changed, and another attempt may do better. Busy: it had waited with the state held."""
_NEVER = frozenset({"StateUnavailable", "TenantGone"})
"""With these it has not begun, and would not another time."""
_FINE = frozenset({"ok", "replayed"})


class Outcome(NamedTuple):
    """`state` is None when it waits again. `code` and `reply` are as they are kept."""

    state: State | None
    code: str = ""
    reply: Reply | None = None
    counts: bool = True
    """Whether it was an attempt."""
    rests: bool = False
    """Whether only its tenant has to wait, and others may go on."""


def outcome_of(entry: Entry, exchange: Exchange, answer: Answer, *, cancelled: bool) -> Outcome:
    """The outcome of an attempt that got this answer; `cancelled`: nobody wants it any more."""
    code, tried, again = exchange.code, exchange.tried, entry.attempts < ATTEMPTS
    if cancelled and code == "CallerGone":
        return Outcome(State.CANCELLED)
    if code == "ResponseNotKept":  # an attempt before had ended, and its process had not noted that
        return Outcome(State.SUCCEEDED, "ResultNotKept")
    if code == "StateUnavailable" and not tried and again:
        return Outcome(None, rests=True)
    if not tried and not cancelled and code not in _NEVER:
        return Outcome(None, counts=False, rests=code in OF_TENANT)
    if code in _TRIED_AGAIN and again:
        return Outcome(None, rests=True)
    code = "" if code in _FINE else code
    failed = bool(code) or answer.status >= SERVER_ERROR
    return Outcome(State.FAILED if failed else State.SUCCEEDED, code, answer if isinstance(answer, Reply) else None)
