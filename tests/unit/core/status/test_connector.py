# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta

import pytest

from genapps.api.conditions import ConditionType, Reason, allowed
from genapps.api.connector import Connector
from genapps.core.catalogue.endpoints import Unresolved
from genapps.core.status.connector import connector_status
from tests.support.admission import CONNECTOR
from tests.unit.core.world import START


def connector() -> Connector:
    spec = {**CONNECTOR["spec"]}
    spec["tools"] = [{**tool, "cost": {"usd": "0.01"}} for tool in spec["tools"]]
    return Connector.model_validate({**CONNECTOR, "spec": spec, "metadata": {"name": "rates", "generation": 3}})


def test_a_connector_says_that_it_is_known_who_names_it_and_what_has_no_effect_yet() -> None:
    status = connector_status(connector(), 2, None, {}, START)
    assert (status["observedGeneration"], status["apps"]) == (3, 2)
    told = {entry["type"]: entry for entry in status["conditions"]}
    assert told["Ready"]["status"] == "True"
    assert told["Stalled"]["status"] == "False"
    assert told["FieldsInactive"]["message"] == "Accepted but not implemented yet: spec.tools.cost."
    for entry in told.values():
        assert allowed(ConditionType(entry["type"]), entry["status"], Reason(entry["reason"]))


def test_a_connectors_status_does_not_move_with_time_alone() -> None:
    first = connector_status(connector(), 2, None, {}, START)
    assert connector_status(connector(), 2, None, first, START + timedelta(days=1)) == first


@pytest.mark.parametrize(
    ("reason", "stalled"), [(Reason.ENDPOINT_REFUSED, "True"), (Reason.ENDPOINT_PENDING, "False")], ids=str
)
def test_a_connector_that_is_not_called_says_why_and_whether_somebody_has_to_act(reason: Reason, stalled: str) -> None:
    status = connector_status(connector(), 2, Unresolved(reason, "Because."), {}, START)
    told = {entry["type"]: entry for entry in status["conditions"]}
    assert (told["Ready"]["status"], told["Ready"]["reason"], told["Ready"]["message"]) == ("False", reason, "Because.")
    assert told["Stalled"]["status"] == stalled
    for entry in told.values():
        assert allowed(ConditionType(entry["type"]), entry["status"], Reason(entry["reason"]))
