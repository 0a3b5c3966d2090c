# SPDX-License-Identifier: Apache-2.0
"""How far a suspended app is on its way back, told from the object alone."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from genapps.api.conditions import ConditionType, Reason
from genapps.core.text import plain

Object = Mapping[str, Any]
_MESSAGE_CHARACTERS = 512


class Progress(Enum):
    """Of an app whose acknowledgement was written."""

    ON_ITS_WAY = auto()
    READY = auto()
    STOPPED_BY_AUTHOR = auto()
    """It is resumed, and spec.operatingMode keeps it stopped."""
    STUCK = auto()
    """It is suspended still or again, or waits for somebody to act."""


def suspension_of(app: Object) -> Object:
    """The open suspension; empty where there is none."""
    return (app.get("status") or {}).get("suspension") or {}


def acknowledged(app: Object) -> str:
    """The id that its spec acknowledges; empty where there is none."""
    return str(app["spec"].get("acknowledgedSuspension") or "")


def is_observed(app: Object) -> bool:
    """Whether the operator has judged this very spec."""
    return int((app.get("status") or {}).get("observedGeneration") or 0) >= int(app["metadata"]["generation"])


def progress(app: Object) -> Progress:
    """Conditions of an older spec do not count."""
    if not is_observed(app):
        return Progress.ON_ITS_WAY
    if suspension_of(app):
        return Progress.STUCK
    if _condition(app, ConditionType.READY).get("status") == "True":
        return Progress.READY
    suspended = _condition(app, ConditionType.SUSPENDED)
    if suspended.get("status") == "True" and suspended.get("reason") == Reason.REQUESTED:
        return Progress.STOPPED_BY_AUTHOR
    return Progress.STUCK if _condition(app, ConditionType.STALLED).get("status") == "True" else Progress.ON_ITS_WAY


def why_not_ready(app: Object) -> str:
    """What the condition Ready says, for a terminal."""
    ready = _condition(app, ConditionType.READY)
    return plain(f"{ready.get('reason', 'Unknown')}: {ready.get('message', '')}", _MESSAGE_CHARACTERS)


def _condition(app: Object, kind: ConditionType) -> Object:
    conditions = (app.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})
