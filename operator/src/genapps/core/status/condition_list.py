"""Conditions as they go into a status, whatever kind it is of."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from genapps.api.conditions import ConditionType, Reason, Status
from genapps.api.fields import rfc3339


class Judged(NamedTuple):
    """One condition without its times."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str


def conditions(
    judged: Iterable[Judged], generation: int, previous: Mapping[str, Any], now: datetime
) -> list[dict[str, Any]]:
    """``previous`` is the status as stored: the time of a transition stays while a condition's status does."""
    before = {entry.get("type"): entry for entry in previous.get("conditions") or ()}
    return [
        {
            "type": one.type.value,
            "status": one.status,
            "observedGeneration": generation,
            "lastTransitionTime": _since(before.get(one.type.value, {}), one.status, now),
            "reason": one.reason.value,
            "message": one.message,
        }
        for one in judged
    ]


def _since(before: Mapping[str, Any], status: Status, now: datetime) -> str:
    same = before.get("status") == status and before.get("lastTransitionTime")
    return str(before["lastTransitionTime"]) if same else rfc3339(now)
