# SPDX-License-Identifier: Apache-2.0
"""The status of a Connector: that it is in the catalogue, and how many apps name it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genapps.api.conditions import ConditionType, Reason
from genapps.api.connector import Connector
from genapps.core.inactive import inactive_in_connector
from genapps.core.status.condition_list import ConditionValue, conditions


def connector_status(connector: Connector, apps: int, previous: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The whole status. `apps` is the number of apps that are not deleted and name it in their envelope; `previous` is
    the status as stored."""
    inactive = inactive_in_connector(connector)
    values = {
        ConditionType.READY: ConditionValue(
            "True",
            Reason.AVAILABLE,
            "Envelopes may name this connector. Its spec.minimumRiskClass applies to the apps that do.",
        ),
        ConditionType.STALLED: ConditionValue("False", Reason.NOT_STALLED, "Nothing blocks the connector."),
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
