# SPDX-License-Identifier: Apache-2.0
"""What is kept of live objects; the text of a container's end is a stranger's."""

from typing import Any

import pytest

from genapps.controller.cache.children import ImageSnapshot, app_key, namespace_state, pod_state, slim, whole_images
from genapps.core.observed import Snapshotted


def pod(**status: Any) -> dict[str, Any]:
    metadata = {"name": "c", "namespace": "run", "uid": "p1", "creationTimestamp": "2026-11-23T10:00:00Z"}
    return {"metadata": metadata, "spec": {"nodeName": "n1"}, "status": status}


def ended(message: str | None, code: int = 1, reason: str = "Error") -> dict[str, Any]:
    terminated = {"exitCode": code, "reason": reason, **({"message": message} if message is not None else {})}
    return pod(
        containerStatuses=[{"name": "runtime", "state": {"running": {}}, "lastState": {"terminated": terminated}}]
    )


def test_a_ready_pod_has_its_address() -> None:
    state = pod_state(pod(podIP="10.1.1.1", conditions=[{"type": "Ready", "status": "True"}]))
    assert (state.ready, state.ip, state.node, state.deleting) == (True, "10.1.1.1", "n1", False)


def test_a_pod_without_any_status_is_just_not_ready() -> None:
    bare = pod()
    del bare["status"]
    state = pod_state(bare)
    assert (state.ready, state.ip, state.termination, state.waiting) == (False, None, None, None)


def test_the_runtimes_own_words_are_told_from_other_text() -> None:
    state = pod_state(ended('{"reason": "CodeRejected", "message": "app.py:1: no"}'))
    assert state.termination is not None
    assert (state.termination.own, state.termination.reason) == (True, "CodeRejected")


@pytest.mark.parametrize(
    "message", ["", "Killed", "[1]", '"text"', '{"reason": 5}', "{", "[" * 4000, '{"message": "x"}', None]
)
def test_anything_else_is_text_of_the_container(message: str | None) -> None:
    state = pod_state(ended(message, code=137, reason="OOMKilled"))
    assert state.termination is not None
    assert (state.termination.own, state.termination.reason, state.termination.exit_code) == (False, "OOMKilled", 137)


def test_the_runtimes_container_is_found_beside_injected_ones() -> None:
    proxy = {"name": "a-proxy", "state": {"running": {"startedAt": "2026-11-23T10:00:00Z"}}}
    rejected = ended('{"reason": "CodeRejected", "message": "app.py:1: no"}')["status"]["containerStatuses"]
    state = pod_state(pod(containerStatuses=[proxy, *rejected]))
    assert state.termination is not None
    assert (state.termination.reason, state.started_at) == ("CodeRejected", None)
    assert pod_state(pod(containerStatuses=[proxy])).started_at is None


def test_a_failed_pod_ended_when_its_container_did() -> None:
    end = {"state": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-23T10:05:00Z"}}}
    state = pod_state(pod(phase="Failed", reason="Evicted", containerStatuses=[end]))
    assert (state.finished_reason, str(state.finished_at)) == ("Evicted", "2026-11-23 10:05:00+00:00")


def test_a_failed_pod_without_times_ended_at_its_creation_at_the_earliest() -> None:
    assert str(pod_state(pod(phase="Failed")).finished_at) == "2026-11-23 10:00:00+00:00"


def test_the_schedulers_refusal_is_kept() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
    assert pod_state(pod(conditions=[condition])).unschedulable == "0/1 nodes"


def test_an_object_without_our_labels_belongs_to_no_app() -> None:
    ours = {"app.kubernetes.io/managed-by": "genapps", "genapps.dev/app": "a", "genapps.dev/app-namespace": "n"}
    assert app_key({"labels": ours}) == ("n", "a")
    for missing in ours:
        assert app_key({"labels": {name: value for name, value in ours.items() if name != missing}}) is None
    assert app_key({"labels": ours | {"app.kubernetes.io/managed-by": "helm"}}) is None
    assert app_key({}) is None


def test_a_service_keeps_its_address_and_a_snapshot_no_digest() -> None:
    metadata = {"name": "c", "namespace": "run", "uid": "s1"}
    assert slim("Service")({"metadata": metadata, "spec": {"clusterIP": "10.96.0.9"}}).address == "10.96.0.9"
    assert slim("ConfigMap")({"metadata": metadata}).child.digest == ""


def test_a_namespace_on_its_way_out_is_not_prepared() -> None:
    metadata: dict[str, Any] = {"uid": "n1", "labels": {"genapps.dev/run-namespace": "true"}}
    assert namespace_state({"metadata": metadata}).prepared
    assert not namespace_state({"metadata": metadata | {"deletionTimestamp": "2026-11-23T10:00:00Z"}}).prepared
    assert not namespace_state({"metadata": {"uid": "n1"}}).prepared


def snapshot(**notes: str) -> dict[str, Any]:
    name = f"child-code-{'b' * 12}"
    annotations = {f"genapps.dev/{key.replace('_', '-')}": value for key, value in notes.items()}
    return {"metadata": {"namespace": "run", "name": name, "uid": "u", "annotations": annotations}}


def test_a_snapshot_tells_of_which_image_it_was_taken() -> None:
    notes = {"code_digest": f"sha256:{'b' * 64}", "image_digest": f"sha256:{'a' * 64}", "entry": "main.py"}
    found = slim("ConfigMap")(snapshot(**notes)).image
    assert found == ImageSnapshot(notes["image_digest"], Snapshotted("main.py", notes["code_digest"]))
    assert slim("ConfigMap")(snapshot(**notes | {"code_digest": f"sha256:{'c' * 64}"})).image is None
    assert slim("ConfigMap")(snapshot(code_digest=notes["code_digest"])).image is None


@pytest.mark.parametrize("entry", ["", "a/app.py", "..", "a b", "a\n", "x" * 254])
def test_an_entry_that_is_none_is_not_believed(entry: str) -> None:
    """The RuntimeConfig cannot be made with it: no pass over the app would come to an end."""
    notes = {"code_digest": f"sha256:{'b' * 64}", "image_digest": f"sha256:{'a' * 64}"}
    assert slim("ConfigMap")(snapshot(**notes, entry="app.py")).image is not None
    assert slim("ConfigMap")(snapshot(**notes, entry=entry)).image is None


def test_a_part_of_a_snapshot_tells_its_paths_and_how_many_parts_there_are() -> None:
    digest = f"sha256:{'b' * 64}"
    notes = {"code_digest": digest, "image_digest": f"sha256:{'a' * 64}", "entry": "app.py", "code_parts": "12"}
    part = snapshot(**notes, files="app.py public/index.html")
    part["metadata"]["name"] += "-0"
    found = slim("ConfigMap")(part)
    assert found.child.files == "app.py public/index.html"
    assert found.image == ImageSnapshot(notes["image_digest"], Snapshotted("app.py", digest, 12))
    part["metadata"]["name"] = part["metadata"]["name"][:-1] + "1"
    assert slim("ConfigMap")(part).image is None


def test_an_image_counts_as_there_once_each_of_its_parts_can_be_mounted() -> None:
    digest = f"sha256:{'b' * 64}"
    image = {"image_digest": f"sha256:{'a' * 64}", "entry": "app.py"}
    parts = [snapshot(code_digest=digest, code_parts="2", files=f"{n}.py", **({} if n else image)) for n in range(2)]
    for number, part in enumerate(parts):
        part["metadata"]["name"] += f"-{number}"
    live = [slim("ConfigMap")(part) for part in parts]
    assert whole_images(live) == [live[0].image]
    assert whole_images(live[:1]) == []
    assert whole_images(live[1:]) == []
    parts[1]["metadata"]["deletionTimestamp"] = "2026-11-23T10:00:00Z"
    assert whole_images([live[0], slim("ConfigMap")(parts[1])]) == []
    del parts[1]["metadata"]["deletionTimestamp"]
    parts[1]["metadata"]["annotations"]["genapps.dev/files"] = "../x"
    assert whole_images([live[0], slim("ConfigMap")(parts[1])]) == []
    whole = slim("ConfigMap")(snapshot(code_digest=digest, **image))
    assert whole_images([whole]) == [whole.image]


@pytest.mark.parametrize(
    "files", ["", "../x", "a b  c", "/etc/passwd", "a\tb", "a\n", " ".join(["x"] * 513), "x" * 254, "..data"]
)
def test_paths_that_are_none_are_not_believed(files: str) -> None:
    assert slim("ConfigMap")(snapshot(files=files)).child.files == ""


@pytest.mark.parametrize("parts", ["0", "-1", "33", "100", "1\n", "x", ""])
def test_a_number_of_parts_that_is_none_is_not_believed(parts: str) -> None:
    digest = f"sha256:{'b' * 64}"
    notes = {"code_digest": digest, "image_digest": f"sha256:{'a' * 64}", "entry": "app.py", "code_parts": parts}
    found = slim("ConfigMap")(snapshot(**notes)).image
    assert found is not None
    assert found.code.parts is None


@pytest.mark.parametrize(("arguments", "told"), [(None, False), (["--debug"], True), (["--restore-state"], False)])
def test_a_pod_that_tells_callers_what_its_app_says_is_known(arguments: list[str] | None, told: bool) -> None:
    live = pod()
    live["spec"]["containers"] = [{"name": "a-proxy", "args": ["--debug"]}, {"name": "runtime", "args": arguments}]
    assert pod_state(live).debug == told
