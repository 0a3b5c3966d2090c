# SPDX-License-Identifier: Apache-2.0
"""Conditions as they go into a status, whatever kind it is of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from genapps.api.conditions import ConditionType, Reason, Status, meaning
from genapps.api.fields import rfc3339


class ConditionValue(NamedTuple):
    """One condition without its type and its times."""

    status: Status
    reason: Reason
    message: str = ""
    """Empty: the meaning of the reason."""


def conditions(
    values: Mapping[ConditionType, ConditionValue], generation: int, previous: Mapping[str, Any], now: datetime
) -> list[dict[str, Any]]:
    """The conditions in the order of `values`, as they are stored.

    `previous` is the status as stored: the time of a transition stays while a condition's status does.
    """
    before = {entry.get("type"): entry for entry in previous.get("conditions") or ()}
    return [
        {
            "type": kind.value,
            "status": value.status,
            "observedGeneration": generation,
            "lastTransitionTime": _since(before.get(kind.value, {}), value.status, now),
            "reason": value.reason.value,
            "message": value.message or meaning(value.reason),
        }
        for kind, value in values.items()
    ]


def _since(before: Mapping[str, Any], status: Status, now: datetime) -> str:
    same = before.get("status") == status and before.get("lastTransitionTime")
    return str(before["lastTransitionTime"]) if same else rfc3339(now)
