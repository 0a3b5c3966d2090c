# SPDX-License-Identifier: Apache-2.0
"""Events: one for each transition of an app, with the reason of the condition that leads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genapps.api.conditions import ConditionType, Reason

_C = ConditionType

_BAD = ((_C.SUSPENDED, "True"), (_C.STALLED, "True"), (_C.EGRESS_ENFORCED, "False"), (_C.ENVELOPE_VALID, "False"),
        (_C.BUDGET_AVAILABLE, "False"), (_C.CODE_VERIFIED, "False"), (_C.VIOLATED, "True"),
        (_C.DEGRADED, "True"))  # fmt: skip
"""What is worth a warning, the leading condition first: one transition often moves several."""

_LEADING = frozenset({_C.SUSPENDED, _C.STALLED})
"""Why the app stands still: what else moved with it is told by status, and leads once this is settled."""

_GOOD = ((_C.READY, "True"), (_C.SUSPENDED, "False"), (_C.READY, "False"), (_C.FIELDS_INACTIVE, "True"))


@dataclass(frozen=True, slots=True)
class Event:
    """An Event on the app, without times and names."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def transitions(previous: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Event, ...]:
    """The Events for the step from one status to the next; none when nothing moved, each reason at most once."""
    before, after = _by_type(previous), _by_type(new)
    events: dict[str, Event] = {}
    for kind, status in _BAD:
        condition, old = after.get(kind), before.get(kind, {})
        if condition and condition["status"] == status and not _same(condition, old):
            warning = condition["reason"] != Reason.REQUESTED
            _add(events, condition, "Warning" if warning else "Normal")
            if kind in _LEADING:
                break
    for kind, status in _GOOD:
        condition, old = after.get(kind), before.get(kind, {})
        if condition and condition["status"] == status and _turned(condition, old):
            _add(events, condition, "Normal")
    return tuple(events.values())


def _by_type(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {condition["type"]: condition for condition in status.get("conditions") or ()}


def _same(condition: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return (condition["status"], condition["reason"]) == (old.get("status"), old.get("reason"))


def _turned(condition: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    # A new app is not ready and not suspended: that is no news.
    return condition["status"] != old.get("status") and (bool(old) or condition["status"] == "True")


def _add(events: dict[str, Event], condition: Mapping[str, Any], kind: Literal["Normal", "Warning"]) -> None:
    events.setdefault(condition["reason"], Event(kind, condition["reason"], condition["message"]))
