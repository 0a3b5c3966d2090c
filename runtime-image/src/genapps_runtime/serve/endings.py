# SPDX-License-Identifier: Apache-2.0
"""The problems that actions end with after their state, or this process, has failed them.

`wrote` is the first tool call that may have changed something, None when there was none: after one, the runtime does
not run a request again, and its caller is told so.
"""

import traceback

from genapps_runtime import logs
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.tools import Tools, Wanted
from genapps_runtime.state.errors import (
    SnapshotOldError,
    StateFullError,
    StateUnavailableError,
    TransactionLostError,
    TurnLostError,
)

STATE_ERRORS = (SnapshotOldError, TurnLostError, TransactionLostError, StateFullError, StateUnavailableError)
_TELL_OF_CALLS = frozenset({"CallerGone", "StateConflict", "ReplayDiverged", "OutcomeUnknown", "PartiallyDone"})
"""Problems that say themselves what was called, or that nobody hears of."""


def state_problem(error: Exception, wrote: Wanted | None) -> ProblemError:
    """What an action ends with after one of STATE_ERRORS."""
    if isinstance(error, TurnLostError):
        return lost_turn(wrote)
    if isinstance(error, SnapshotOldError):
        detail = "the app took so long that what it had read has changed: read again what belongs together"
        return ProblemError("StateConflict", detail)
    if isinstance(error, TransactionLostError):
        return ProblemError("AppFailed", str(error))
    return ProblemError("StateFull" if isinstance(error, StateFullError) else "StateUnavailable", str(error))


def lost_turn(wrote: Wanted | None) -> ProblemError:
    """What an action ends with that had the state to itself for too long."""
    if wrote is not None:
        detail = f"the app had called {wrote}, and then waited or computed too long with its state held"
        return ProblemError("StateConflict", detail)
    return ProblemError("Busy", "the app waited too long for its tools, or computed, while others waited for its state")


def conflict(wrote: Wanted | None, fixed: str = "") -> ProblemError:
    """What an action ends with whose state was changed by others, and that cannot run again.

    `fixed` is as for `Action`.
    """
    if wrote is None and not fixed:
        return ProblemError("StateConflict")
    why = f"the app had called {wrote}" if wrote is not None else fixed
    return ProblemError("StateConflict", f"{why}, so the runtime did not run the request again")


def after_calls(tools: Tools | None, problem: ProblemError) -> ProblemError:
    """What a failed action ends with: its caller is told what its tools may have changed."""
    if tools is None or problem.code in _TELL_OF_CALLS or not (written := tools.written):
        return problem
    names = ", ".join(f"{one['connector']}.{one['tool']} ({one['outcome']})" for one in written)
    partly = ProblemError("PartiallyDone", f"the request failed ({problem.code}) after it had called {names}")
    partly.steps, partly.cause = written, problem
    return partly


def own_failure(request_id: str, error: Exception) -> ProblemError:
    """Our mistake and not the app's: it is in the log."""
    trace = "".join(traceback.format_exception(error))
    logs.write("runtime failed", level="error", requestId=request_id, trace=trace)
    return ProblemError("RuntimeFailed")
