# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta

import pytest

from genapps.api.conditions import ConditionType, Reason, allowed
from genapps.api.connector import Connector
from genapps.api.ledger import ConnectorUse, Overrun
from genapps.api.status import ConnectorStatus
from genapps.core.catalogue.endpoints import Unresolved
from genapps.core.connector_use import spec_version
from genapps.core.status.connector import connector_status, judged_contract
from tests.support.admission import CONNECTOR
from tests.unit.core.world import START


def connector() -> Connector:
    spec = {**CONNECTOR["spec"]}
    spec["tools"] = [{**tool, "cost": {"usd": "0.01"}} for tool in spec["tools"]]
    return Connector.model_validate({**CONNECTOR, "spec": spec, "metadata": {"name": "rates", "generation": 3}})


SOUND = judged_contract(connector())


def test_a_connector_says_that_it_is_known_who_names_it_and_that_all_its_fields_have_effect() -> None:
    status = connector_status(connector(), 2, SOUND, None, {}, START)
    assert (status["observedGeneration"], status["apps"]) == (3, 2)
    told = {entry["type"]: entry for entry in status["conditions"]}
    assert told["Ready"]["status"] == "True"
    assert told["Stalled"]["status"] == "False"
    assert (told["FieldsInactive"]["status"], told["FieldsInactive"]["reason"]) == ("False", "AllActive")
    for entry in told.values():
        assert allowed(ConditionType(entry["type"]), entry["status"], Reason(entry["reason"]))


def test_a_connector_that_used_more_than_it_was_allowed_is_not_called_until_its_spec_changes() -> None:
    told = connector()
    overrun = Overrun(at=START, version=spec_version(told.metadata.uid, 3), tokens=400, cost_micros=9)
    use = ConnectorUse(calls=1, overrun=overrun)
    status = connector_status(told, 2, SOUND, None, {}, START, use)
    conditions = {entry["type"]: entry for entry in status["conditions"]}
    assert {kind: conditions[kind]["reason"] for kind in ("Ready", "Stalled")} == {
        "Ready": "Overrun",
        "Stalled": "Overrun",
    }
    assert "400 tokens and 9 millionths" in conditions["Ready"]["message"]
    told = told.model_copy(update={"metadata": told.metadata.model_copy(update={"generation": 4})})
    changed = connector_status(told, 2, SOUND, None, status, START, use)
    assert next(entry["status"] for entry in changed["conditions"] if entry["type"] == "Ready") == "True"


def test_a_connectors_status_does_not_move_with_time_alone() -> None:
    first = connector_status(connector(), 2, SOUND, None, {}, START)
    assert connector_status(connector(), 2, SOUND, None, first, START + timedelta(days=1)) == first


@pytest.mark.parametrize(
    ("reason", "stalled"), [(Reason.ENDPOINT_REFUSED, "True"), (Reason.ENDPOINT_PENDING, "False")], ids=str
)
def test_a_connector_that_is_not_called_says_why_and_whether_somebody_has_to_act(reason: Reason, stalled: str) -> None:
    status = connector_status(connector(), 2, SOUND, Unresolved(reason, "Because."), {}, START)
    told = {entry["type"]: entry for entry in status["conditions"]}
    assert (told["Ready"]["status"], told["Ready"]["reason"], told["Ready"]["message"]) == ("False", reason, "Because.")
    assert told["Stalled"]["status"] == stalled
    for entry in told.values():
        assert allowed(ConditionType(entry["type"]), entry["status"], Reason(entry["reason"]))


def test_a_sound_contract_has_a_digest_and_one_with_faults_names_their_places() -> None:
    assert connector_status(connector(), 2, SOUND, None, {}, START)["contractDigest"] == SOUND.digest
    tool = {**CONNECTOR["spec"]["tools"][0], "input": {"type": "object", "$ref": "https://example.com/schema"}}
    spec = {**CONNECTOR["spec"], "tools": [tool]}
    broken = Connector.model_validate({**CONNECTOR, "metadata": {"name": "rates"}, "spec": spec})
    unresolved = Unresolved(Reason.ENDPOINT_PENDING, "Because.")
    status = connector_status(broken, 2, judged_contract(broken), unresolved, {}, START)
    told = {entry["type"]: entry for entry in status["conditions"]}
    assert (told["Ready"]["status"], told["Ready"]["reason"]) == ("False", "ContractInvalid")
    assert "/spec/tools/0/input" in told["Ready"]["message"]
    assert told["Stalled"]["status"] == "True"
    assert "contractDigest" not in status


def test_what_hides_in_a_contract_does_not_reach_the_status_and_many_faults_fit_into_it() -> None:
    hostile = {f"{'x' * 200}\u202e{number}": {"$ref": "https://example.com"} for number in range(30)}
    tool = {**CONNECTOR["spec"]["tools"][0], "input": {"type": "object", "properties": hostile}}
    spec = {**CONNECTOR["spec"], "tools": [tool]}
    broken = Connector.model_validate({**CONNECTOR, "metadata": {"name": "rates"}, "spec": spec})
    status = connector_status(broken, 2, judged_contract(broken), None, {}, START)
    message = status["conditions"][0]["message"]
    assert len(message) <= 1024
    assert "\u202e" not in message
    assert "more." in message


@pytest.mark.parametrize(("minutes", "breaker"), [(4, "Open"), (5, "Closed")])
def test_what_gateways_saw_is_shown_and_an_open_breaker_while_one_of_them_says_so(minutes: int, breaker: str) -> None:
    use = ConnectorUse(calls=7, errors=2, checked_at=START, open=True, since=START, confirmed_at=START)
    now = START + timedelta(minutes=minutes)
    status = connector_status(connector(), 2, SOUND, None, {}, now, use)
    shown = {name: status[name] for name in ("calls", "errors", "breaker", "lastCheck")}
    assert shown == {"calls": 7, "errors": 2, "breaker": breaker, "lastCheck": "2026-11-23T12:00:00.000000Z"}
    assert ConnectorStatus.model_validate(status).calls == 7


def test_a_connector_that_was_never_called_shows_no_counts() -> None:
    assert not {"calls", "errors", "breaker", "lastCheck"} & set(
        connector_status(connector(), 2, SOUND, None, {}, START)
    )
