# SPDX-License-Identifier: Apache-2.0
"""Operators on machines whose clocks are hours ahead of the API server's, or behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.operator_process import SKEW, OperatorProcess, World, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

CLAIM = "persistentvolumeclaim"
HOURS = 3600.0
LEASE = "5"


@pytest.fixture(scope="module", params=[pytest.param(3 * HOURS, id="ahead"), pytest.param(-3 * HOURS, id="behind")])
def here(
    request: pytest.FixtureRequest, bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    environment = {SKEW: str(request.param), "GENAPPS_LEASE_SECONDS": LEASE}
    with world(bare_kubectl, bare, log, **environment) as made:
        yield made


@contextmanager
def other(here: World, folder: Path) -> Iterator[OperatorProcess]:
    """A second candidate for the Lease, on a machine whose clock is as far off in the other direction; it waits."""
    first = here.operator
    environment = {**first.environment, SKEW: str(-float(first.environment[SKEW]))}
    made = OperatorProcess(first.kubeconfig, folder / "log", here.system, here.run, environment, identity="second")
    made.launch()
    try:
        until(lambda: made.get("/readyz") == "ok", 60, "the second operator's readiness")
        yield made
    finally:
        made.kill()


def rounds(operator: OperatorProcess, count: int) -> None:
    """Let the sweep look at everything so many times."""
    before = operator.metric("genapps_sweeps_total")
    until(lambda: operator.metric("genapps_sweeps_total") >= before + count, 30, f"{count} rounds of the sweep")
    until(operator.idle, 30, "an idle operator")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_times_that_are_written_are_those_of_the_api_server(here: World) -> None:
    here.started("timed")
    written = moment(condition(here.get("timed"), "Ready")["lastTransitionTime"])
    created = moment(here.get("timed")["metadata"]["creationTimestamp"])
    assert abs(written - created) < timedelta(minutes=5)
    renewed = moment(here.kubectl.get("lease", "genapps-operator", here.system)["spec"]["renewTime"])
    assert abs(renewed - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_pod_that_ends_is_given_its_time_and_one_that_starts_as_well(here: World) -> None:
    pod = here.started("patient")
    status = {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "runtime",
                "image": "x",
                "imageID": "x",
                "ready": False,
                "restartCount": 0,
                "state": {"running": {"startedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}},
            }
        ],
        "conditions": [{"type": "Ready", "status": "False"}],
    }
    here.edit_status("pod", here.child("patient"), status)
    here.until_condition("patient", "Ready", "False", "PodStarting")
    rounds(here.operator, 2)
    assert condition(here.get("patient"), "Stalled")["status"] == "False", "its deadline is not over"
    assert here.uid("pod", "patient") == pod


def test_state_is_kept_for_its_whole_retention_also_when_another_operator_takes_over(
    here: World, tmp_path: Path
) -> None:
    envelope = {"owner": {"team": "tests"}, "riskClass": "low", "retention": {"afterDelete": "1h"}}
    here.started("kept", envelope=envelope)
    claim = here.uid(CLAIM, "kept")
    here.kubectl("delete", "gapp", "kept", "-n", here.namespace)
    until(lambda: "deletedAt" in (here.record("kept") or {}), 30, "the mark on the record")
    record = here.record("kept")
    assert record is not None
    assert abs(moment(record["deletedAt"]) - datetime.now(UTC)) < timedelta(minutes=5)
    rounds(here.operator, 2)
    assert here.uid(CLAIM, "kept") == claim
    with other(here, tmp_path) as second:
        assert not second.leads(), "a clock of its own gives nobody the Lease"
        rounds(here.operator, 2)
        assert here.operator.leads()
        assert not second.leads()
        assert here.operator.stop() == 0
        until(second.leads, 60, "the second operator's leadership")
        rounds(second, 3)
        assert here.uid(CLAIM, "kept") == claim
        assert "deletedAt" in (here.record("kept") or {})
        second.stop()
    here.operator.start()
