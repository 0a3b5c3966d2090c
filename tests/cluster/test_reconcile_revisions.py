# SPDX-License-Identifier: Apache-2.0
"""Revisions on a real API server, no kubelet: what a test says of a pod, a runtime or a kubelet would have said."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node

DEADLINE_SECONDS = 3


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log, GENAPPS_PROGRESS_DEADLINE_SECONDS=str(DEADLINE_SECONDS)) as made:
        yield made


def code(text: str) -> dict[str, Any]:
    return {"language": "python", "source": {"inline": f"# {text}\n"}}


def say(here: World, app: str, container: dict[str, Any]) -> None:
    """Let the pod's status say this of its container, once the scheduler has said that there is no node."""
    until(lambda: (here.find("pod", app) or {})["status"].get("conditions"), 30, "the scheduler's word")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": now},
        {"type": "Ready", "status": "False"},
    ]
    named = {"name": "runtime", "image": "", "imageID": "", "ready": False, "restartCount": 0, **container}
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": [named]}
    patch = json.dumps({"status": status})
    arguments = ("pod", here.child(app), "-n", here.run, "--subresource=status", "--type=merge", "-p", patch)
    here.kubectl("patch", *arguments)


def reject(here: World, app: str) -> None:
    """The runtime ends: this code will never load."""
    message = json.dumps({"reason": "CodeRejected", "message": "app.py line 1: never"})
    ended = {"exitCode": 3, "reason": "Error", "message": message}
    say(here, app, {"restartCount": 1, "lastState": {"terminated": ended}})


def results(here: World, app: str) -> list[str]:
    record = here.record(app)
    return [kept["result"] for kept in record["revisions"]] if record else []


def runs(here: World, app: str) -> str:
    """The digest of the code in the live pod's arguments."""
    return str(here.until_pod(app)["spec"]["containers"][0]["args"][3])


def good(here: World, app: str, **spec: Any) -> str:
    """An app that answers; the digest of its code."""
    here.apply(here.app(app, **spec))
    here.until_pod(app)
    here.make_ready(app)
    here.until_condition(app, "Ready", "True", "Available")
    return runs(here, app)


def started(here: World, app: str, text: str, **spec: Any) -> str:
    """Other code for an app, whose pod has started; the digest of that code."""
    before = here.uid("pod", app)
    here.apply(here.app(app, code=code(text), **spec))
    here.until_pod(app, other_than=before)
    until(lambda: results(here, app)[-1:] == ["Starting"], 30, "the new revision in the record")
    return runs(here, app)


def returned(here: World, app: str, bad_pod: str) -> None:
    here.until_pod(app, other_than=bad_pod)
    here.make_ready(app)
    here.until_condition(app, "Ready", "True", "Available")
    here.until_condition(app, "Stalled", "True", "RolledBack")


@contextmanager
def gateway(here: World) -> Iterator[None]:
    """A pod of the gateway is ready."""
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "gateway-1",
            "namespace": here.system,
            "labels": {"kubernetes.io/service-name": "gateway"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.9.9.9"], "conditions": {"ready": True}}],
        "ports": [],
    }
    here.kubectl.apply(slice_)
    yield
    here.kubectl("delete", "endpointslice", "gateway-1", "-n", here.system)


def test_bad_code_gives_way_to_the_previous_revision_until_it_is_corrected(here: World) -> None:
    first = good(here, "returning")
    second = started(here, "returning", "bad")
    assert second != first
    assert len(here.snapshots("returning")) == 4
    bad = here.uid("pod", "returning")
    reject(here, "returning")
    returned(here, "returning", bad)
    assert runs(here, "returning") == first
    assert results(here, "returning") == ["Running", "Failed"]
    status = here.get("returning")["status"]
    assert [kept["result"] for kept in status["revisions"]] == ["Running", "Failed"]
    assert (status["revision"], status["desiredRevision"]) == tuple(kept["revision"] for kept in status["revisions"])
    assert "app.py line 1: never" in condition({"status": status}, "Stalled")["message"]
    events = here.kubectl.items("events", "-n", here.namespace)
    assert [one["type"] for one in events if one["reason"] == "RolledBack"] == ["Warning"]
    third = started(here, "returning", "corrected")
    here.make_ready("returning")
    here.until_condition("returning", "Ready", "True", "Available")
    here.until_condition("returning", "Stalled", "False", "NotStalled")
    assert third not in (first, second)
    assert results(here, "returning") == ["Superseded", "Failed", "Starting"]


def test_a_revision_that_is_late_gives_way_but_not_while_the_gateway_is_down(here: World) -> None:
    first = good(here, "late")
    second = started(here, "late", "hangs")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    say(here, "late", {"state": {"running": {"startedAt": now}}})
    here.until_condition("late", "Stalled", "True", "ProgressDeadlineExceeded")
    until(here.operator.idle, 30, "an idle operator")
    assert runs(here, "late") == second, "the gateway does not answer: no revision is to blame"
    bad = here.uid("pod", "late")
    with gateway(here):
        returned(here, "late", bad)
    assert runs(here, "late") == first


def test_an_operator_that_was_down_finds_the_failure(here: World) -> None:
    first = good(here, "unwatched")
    started(here, "unwatched", "bad")
    bad = here.uid("pod", "unwatched")
    here.operator.kill()
    reject(here, "unwatched")
    here.operator.start()
    returned(here, "unwatched", bad)
    assert runs(here, "unwatched") == first


def test_an_operator_that_dies_on_the_way_back_goes_on_where_it_was(here: World) -> None:
    app, rollback = "interrupted", {"to": "previousRevision", "state": "Restore"}
    first = good(here, app, rollback=rollback)
    started(here, app, "bad", rollback=rollback)
    bad = here.uid("pod", app)
    # The pod hangs in its deletion until the test lets it go, with the record written and the next pod to come.
    here.edit("pod", here.child(app), {"metadata": {"finalizers": ["tests.genapps.dev/hold"]}})
    reject(here, app)
    until(lambda: "deletionTimestamp" in (here.find("pod", app) or {})["metadata"], 30, "the deletion of the bad pod")
    here.operator.kill()
    assert results(here, app) == ["Running", "Failed"]
    # Meanwhile somebody takes the wish away: what was decided holds.
    here.kubectl.apply(here.app(app, code=code("bad")))
    here.edit("pod", here.child(app), {"metadata": {"finalizers": None}})
    until(lambda: here.find("pod", app) is None, 30, "the end of the bad pod")
    here.operator.start()
    returned(here, app, bad)
    assert runs(here, app) == first
    assert here.until_pod(app)["spec"]["containers"][0]["args"][-1] == "--restore-state"


def test_that_a_revision_was_ready_outlives_the_operator_and_its_pod(here: World) -> None:
    good(here, "proven")
    assert results(here, "proven") == ["Starting"], "it takes no write of its own"
    here.operator.kill()
    here.kubectl("delete", "pod", here.child("proven"), "-n", here.run, "--grace-period=0", "--force")
    here.operator.start()
    here.until_pod("proven")
    until(lambda: results(here, "proven") == ["Running"], 30, "the readiness in the record")


def test_code_that_differs_from_its_digest_waits_also_when_operator_and_pod_are_new(here: World) -> None:
    first = good(here, "pinned")
    digest = runs(here, "pinned")
    here.apply(here.app("pinned", code={**code("other"), "digest": digest}))
    here.until_condition("pinned", "CodeVerified", "False", "SourceDiffers")
    here.operator.kill()
    before = here.uid("pod", "pinned")
    here.kubectl("delete", "pod", here.child("pinned"), "-n", here.run, "--grace-period=0", "--force")
    here.operator.start()
    here.until_pod("pinned", other_than=before)
    here.make_ready("pinned")
    here.until_condition("pinned", "Ready", "True", "Available")
    here.until_condition("pinned", "CodeVerified", "False", "SourceDiffers")
    assert runs(here, "pinned") == first
    assert started(here, "pinned", "other") != first, "without the digest the source is the wish"


def test_code_that_cannot_load_keeps_no_pod_until_it_changes(here: World) -> None:
    app = "rejected"
    here.apply(here.app(app, code=code("bad")))
    bad = here.until_pod(app)["metadata"]["uid"]
    until(lambda: results(here, app) == ["Starting"], 30, "the revision in the record")
    reject(here, app)
    until(lambda: here.find("pod", app) is None, 30, "the end of the rejected pod")
    here.until_condition(app, "CodeVerified", "False", "CodeRejected")
    here.until_condition(app, "Stalled", "True", "CodeRejected")
    here.until_condition(app, "Ready", "False", "CodeRejected")
    assert results(here, app) == ["Failed"]
    here.operator.kill()
    here.operator.start()
    until(here.operator.idle, 30, "an idle operator")
    assert here.find("pod", app) is None, "a restart of the operator is no reason to try again"
    assert "app.py line 1: never" in condition(here.get(app), "CodeVerified")["message"]
    here.apply(here.app(app, code=code("corrected")))
    assert here.until_pod(app)["metadata"]["uid"] != bad
    here.make_ready(app)
    here.until_condition(app, "Ready", "True", "Available")
    here.until_condition(app, "Stalled", "False", "NotStalled")
