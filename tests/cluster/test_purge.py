# SPDX-License-Identifier: Apache-2.0
"""What is left of apps that are gone: purge, names that others take, deleted namespaces; no kubelet."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

THIEVES = {"owner": {"team": "thieves"}, "riskClass": "low"}
STATE = "persistentvolumeclaim"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operator") / "log"


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, log: Path) -> Iterator[World]:
    with world(bare_kubectl, bare, log) as made:
        yield made


def started(here: World, app: str, **spec: Any) -> None:
    here.apply(here.app(app, **spec))
    here.until_pod(app)
    until(lambda: here.record(app), 30, f"the record of {app}")


def count_violation(here: World, app: str) -> None:
    """A Ledger as the gateway writes it."""
    reference = {"namespace": here.namespace, "name": app, "uid": here.get(app)["metadata"]["uid"]}
    here.kubectl.apply(
        {
            "apiVersion": "genapps.dev/v1alpha1",
            "kind": "Ledger",
            "metadata": {"name": here.child(app), "namespace": here.system},
            "record": {"app": reference, "violations": {"total": 1}},
        }
    )


def delete(here: World, app: str) -> None:
    """Delete the app and wait until its record says so and all but its state is gone."""
    here.kubectl("delete", "gapp", app, "-n", here.namespace)
    until(lambda: "deletedAt" in (here.record(app) or {}), 30, f"the mark on the record of {app}")
    until(lambda: not here.find("serviceaccount", app) and not here.snapshots(app), 30, f"the end of {app}")
    assert here.find(STATE, app) is not None


def purge(here: World, app: str) -> None:
    here.kubectl("delete", "apprecord", here.child(app), "-n", here.system, "--wait=false")


def hold(here: World, kind: str, app: str, namespace: str, *finalizers: str) -> None:
    """Let an object that is deleted stay until somebody says otherwise."""
    patch = json.dumps({"metadata": {"finalizers": list(finalizers) or None}})
    here.kubectl("patch", kind, here.child(app), "-n", namespace, "--type=merge", "-p", patch)


def until_purged(here: World, app: str) -> None:
    until(lambda: here.record(app) is None, 30, f"the end of the record of {app}")
    assert here.find(STATE, app) is None
    assert here.kubectl.find("ledger", here.child(app), here.system) is None


def until_ordered(here: World, kind: str, app: str, namespace: str) -> None:
    """Wait until an object's deletion was ordered, although something holds it."""

    def ordered() -> bool:
        found = here.kubectl.find(kind, here.child(app), namespace)
        return found is not None and "deletionTimestamp" in found["metadata"]

    until(ordered, 30, f"the deletion of the {kind} of {app}")


def age(here: World, app: str, **span: int) -> None:
    moment = (datetime.now(UTC) - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    patch = json.dumps({"record": {"deletedAt": moment}})
    here.kubectl("patch", "apprecord", here.child(app), "-n", here.system, "--type=merge", "-p", patch)


def test_a_purge_takes_state_and_ledger_at_once_and_the_record_last(here: World) -> None:
    started(here, "purged")
    count_violation(here, "purged")
    delete(here, "purged")
    purge(here, "purged")
    until_purged(here, "purged")


def test_a_purge_goes_on_where_an_ended_operator_stopped(here: World) -> None:
    started(here, "halting")
    count_violation(here, "halting")
    delete(here, "halting")
    hold(here, STATE, "halting", here.run, "genapps.dev/tests")
    hold(here, "ledger", "halting", here.system, "genapps.dev/tests")
    purge(here, "halting")
    for kind, namespace in ((STATE, here.run), ("ledger", here.system)):
        until_ordered(here, kind, "halting", namespace)
        assert here.record("halting") is not None, "the record goes last"
        here.operator.kill()
        hold(here, kind, "halting", namespace)
        here.operator.start()
    until_purged(here, "halting")


def test_the_record_of_a_living_app_is_kept_and_its_app_untouched(here: World, log: Path) -> None:
    started(here, "alive")
    pod, claim = here.uid("pod", "alive"), here.uid(STATE, "alive")
    purge(here, "alive")
    until(lambda: "record_of_a_living_app_deleted" in log.read_text(encoding="utf-8"), 30, "a line in the log")
    here.apply(here.app("alive", code={"language": "python", "source": {"inline": "# changed\n"}}))
    here.until_pod("alive", other_than=pod)
    assert here.uid(STATE, "alive") == claim
    assert "deletedAt" not in (here.record("alive") or {"deletedAt": ""})
    here.kubectl("delete", "gapp", "alive", "-n", here.namespace)
    until_purged(here, "alive")


def test_a_purge_comes_before_a_new_app_of_the_name_which_gets_new_state(here: World) -> None:
    started(here, "renewed")
    delete(here, "renewed")
    claim = here.uid(STATE, "renewed")
    hold(here, STATE, "renewed", here.run, "genapps.dev/tests")
    purge(here, "renewed")
    until_ordered(here, STATE, "renewed", here.run)
    here.apply(here.app("renewed"))
    here.until_condition("renewed", "Stalled", "True", "BeingPurged")
    assert here.find("pod", "renewed") is None
    hold(here, STATE, "renewed", here.run)
    here.until_pod("renewed")
    assert here.uid(STATE, "renewed") not in ("", claim)
    until(lambda: here.record("renewed"), 30, "a record of its own")
    live = here.kubectl.get("apprecord", here.child("renewed"), here.system)
    assert "deletionTimestamp" not in live["metadata"]


def test_a_taken_name_does_not_stop_the_clock_of_what_another_owner_left(here: World) -> None:
    started(here, "coveted")
    count_violation(here, "coveted")
    claim = here.uid(STATE, "coveted")
    here.operator.stop()
    here.kubectl("delete", "gapp", "coveted", "-n", here.namespace)
    here.kubectl.apply(here.app("coveted", envelope=THIEVES))
    here.operator.start()
    here.until_condition("coveted", "Stalled", "True", "ClaimNotAdopted")
    until(lambda: "deletedAt" in (here.record("coveted") or {}), 30, "the mark on the record")
    assert "violations" not in here.get("coveted")["status"]
    assert here.uid(STATE, "coveted") == claim
    age(here, "coveted", days=8)
    here.until_pod("coveted")
    record = until(lambda: here.record("coveted"), 30, "a record of the new owner")
    assert record is not None
    assert record["owner"]["team"] == "thieves"
    assert here.uid(STATE, "coveted") not in ("", claim)
    assert here.kubectl.find("ledger", here.child("coveted"), here.system) is None


def test_a_deleted_namespace_takes_its_apps_along_and_leaves_nothing_to_the_next_of_its_name(here: World) -> None:
    there = replace(here, namespace=f"{here.namespace}-lab")
    grant = json.dumps({"spec": {"namespaces": [here.namespace, there.namespace]}})
    here.kubectl("patch", "appbudget", here.namespace, "--type=merge", "-p", grant)
    here.kubectl("create", "namespace", there.namespace)
    names = [f"many-{number}" for number in range(20)]
    there.kubectl.apply(*(there.app(name, budget=here.namespace) for name in names))
    until(lambda: all(there.record(name) for name in names), 90, "20 records")
    here.kubectl("delete", "namespace", there.namespace, "--timeout=90s")
    until(lambda: all("deletedAt" in (there.record(name) or {}) for name in names), 60, "20 marks")
    assert here.operator.metric("genapps_vanish_alarm") == 0
    until(lambda: not any(there.find("pod", name) for name in names), 30, "the end of the pods")
    here.kubectl("create", "namespace", there.namespace)
    there.kubectl.apply(there.app("many-0", budget=here.namespace))
    there.until_condition("many-0", "Stalled", "True", "ClaimNotAdopted")
    assert condition(there.get("many-0"), "Ready")["status"] == "False"
    here.kubectl("delete", "namespace", there.namespace, "--wait=false")
