# SPDX-License-Identifier: Apache-2.0
"""The status of an AppHold, and what an app says that it stops."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genapps.api.apphold import AppHold
from genapps.api.conditions import ConditionType, Reason, meaning
from genapps.core.holds import in_force
from genapps.core.observed import Observed, Unreadable
from genapps.core.status.condition_list import ConditionValue, conditions
from genapps.core.text import plain

MESSAGE_CHARACTERS = 1024
_SHOWN = 3


def held_message(observed: Observed, holds: tuple[str, ...]) -> str:
    """Which of the holds in force stop the app, why, and what can be done."""
    shown = "; ".join(f"{name} ({_why(observed.holds.get(name))})" for name in holds[:_SHOWN])
    more = f"; and {len(holds) - _SHOWN} more" if len(holds) > _SHOWN else ""
    return (
        f"The platform team holds the app with AppHold {shown}{more}. An acknowledgement has no effect until no hold"
        " matches. Ask the platform team."
    )


def _why(hold: AppHold | Unreadable | None) -> str:
    return hold.spec.reason if isinstance(hold, AppHold) else "it cannot be read"


def hold_status(
    hold: AppHold | Unreadable,
    generation: int,
    matched: int,
    draining: int,
    previous: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """The whole status. `matched` apps exist and are matched, `draining` of them have a pod; `previous` is the status
    as stored. Of a hold that cannot be read they are what it stopped before."""
    active = isinstance(hold, Unreadable) or in_force(hold, now)
    faulty = isinstance(hold, Unreadable)
    if isinstance(hold, Unreadable):
        text = plain(f"The spec is invalid ({hold.message}). What it stopped stays stopped.", MESSAGE_CHARACTERS)
        ready = ConditionValue("False", Reason.SPEC_INVALID, text)
    elif not active:
        ready = ConditionValue("True", Reason.HOLD_EXPIRED, f"{meaning(Reason.HOLD_EXPIRED)} It stops nothing now.")
    elif draining:
        ready = ConditionValue("False", Reason.POD_STOPPING, "Pods of apps that the hold matches end.")
    else:
        ready = ConditionValue("True", Reason.AVAILABLE, "The hold is in force. No app that it matches runs.")
    ends = active and not faulty and draining > 0
    values = {
        ConditionType.READY: ready,
        ConditionType.RECONCILING: ready._replace(status="True") if ends else ConditionValue("False", Reason.SETTLED),
        ConditionType.STALLED: (
            ready._replace(status="True")
            if faulty
            else ConditionValue("False", Reason.NOT_STALLED, "Nothing blocks the hold.")
        ),
    }
    return {
        "observedGeneration": generation,
        "active": active,
        "matched": matched,
        "draining": draining if active else 0,
        "conditions": conditions(values, generation, previous, now),
    }
