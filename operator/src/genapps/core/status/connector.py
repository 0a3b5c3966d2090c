# SPDX-License-Identifier: Apache-2.0
"""The status of a Connector: whether it can be called, and how many apps name it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genapps.api.conditions import ConditionType, Reason
from genapps.api.connector import Connector
from genapps.core.catalogue.endpoints import Unresolved
from genapps.core.inactive import inactive_in_connector
from genapps.core.status.condition_list import ConditionValue, conditions


def connector_status(
    connector: Connector, apps: int, unresolved: Unresolved | None, previous: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """The whole status. `apps` is the number of apps that are not deleted and name it in their envelope; `unresolved`
    is why its Service is not called, None for one that is, and for a URL; `previous` is the status as stored."""
    inactive = inactive_in_connector(connector)
    values = {
        ConditionType.READY: _ready(unresolved),
        ConditionType.STALLED: _stalled(unresolved),
        ConditionType.FIELDS_INACTIVE: ConditionValue(
            "True" if inactive else "False",
            Reason.NOT_YET_ACTIVE if inactive else Reason.ALL_ACTIVE,
            f"Accepted but not implemented yet: {', '.join(inactive)}." if inactive else "",
        ),
    }
    generation = connector.metadata.generation
    return {
        "observedGeneration": generation,
        "apps": apps,
        "conditions": conditions(values, generation, previous, now),
    }


def _ready(unresolved: Unresolved | None) -> ConditionValue:
    if unresolved is not None:
        return ConditionValue("False", unresolved.reason, unresolved.message)
    return ConditionValue(
        "True",
        Reason.AVAILABLE,
        "Apps of the namespaces in spec.namespaces may name this connector. Its spec.minimumRiskClass applies to them.",
    )


def _stalled(unresolved: Unresolved | None) -> ConditionValue:
    if unresolved is not None and unresolved.reason is not Reason.ENDPOINT_PENDING:
        return ConditionValue("True", unresolved.reason, unresolved.message)
    return ConditionValue("False", Reason.NOT_STALLED, "Nothing blocks the connector.")
