# SPDX-License-Identifier: Apache-2.0
"""When a status may turn although nothing happens. What a plan waits for has times of its own (`genapps.core.plan`)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from genapps.api.conditions import ConditionType
from genapps.core.pod_state import trouble_since
from genapps.core.status.view import PATIENCE
from genapps.core.verdict import Verdict

AGEING = timedelta(seconds=10)
"""While violations count: each of them leaves the window at a time of its own."""
SLOWLY = timedelta(minutes=10)
"""While defects or limits count: they leave a window of an hour at least."""
RARELY = timedelta(minutes=1)
"""Once an app that does not answer has been told why: what it waits for comes as an event, or as a plan's wait.
Also while it is degraded: nothing happens when nobody confirms that any more."""


def look_again(status: Mapping[str, Any], verdict: Verdict) -> timedelta | None:
    """How long until an app with this new status is to be looked at without an event; None: an event is waited for."""
    if verdict.counted:
        return AGEING
    waits = [_for_an_event(status, verdict), SLOWLY if _counts_slowly(status) else None]
    return min((wait for wait in waits if wait is not None), default=None)


def _counts_slowly(status: Mapping[str, Any]) -> bool:
    return any(status.get(kind, {}).get("count") for kind in ("defects", "limits"))


def _for_an_event(status: Mapping[str, Any], verdict: Verdict) -> timedelta | None:
    true = {entry["type"] for entry in status["conditions"] if entry["status"] == "True"}
    if true & {ConditionType.READY, ConditionType.STALLED}:
        return RARELY if ConditionType.DEGRADED in true else None
    since = trouble_since(status)
    left = PATIENCE if since is None else since + PATIENCE - verdict.at
    return min(left, PATIENCE) if left > timedelta() else RARELY
