# SPDX-License-Identifier: Apache-2.0
"""Slim records of live objects: digests are computed here, on the event, and the rest is dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

import orjson

from genapps.api.apprecord import MOST_PARTS
from genapps.api.bundles import BUNDLE_FILES, is_path
from genapps.api.names import (
    ANNOTATION_CODE_DIGEST,
    ANNOTATION_CODE_PARTS,
    ANNOTATION_EFFECTIVE_RISK,
    ANNOTATION_ENTRY,
    ANNOTATION_FILES,
    ANNOTATION_IMAGE_DIGEST,
    ANNOTATION_NAMESPACE_UID,
    ANNOTATION_OWNER,
    ANNOTATION_POD_DIGEST,
    GROUP,
    LABEL_APP,
    LABEL_APP_NAMESPACE,
    LABEL_APP_UID,
    LABEL_MANAGED_BY,
    LABEL_RUN_NAMESPACE,
    MANAGED_BY,
    AppKey,
    child_name_of,
    code_snapshot_names,
)
from genapps.api.quantities import byte_count
from genapps.cluster.resources import Object
from genapps.core.desired.claim import ANNOTATION_KEPT_AFTER_DELETE
from genapps.core.desired.pod import DEBUG
from genapps.core.drift import live_digest, owned, spec_digest
from genapps.core.foreign_policies import OpeningPolicy, opening_policy
from genapps.core.observed import Child, ClaimState, PodState, Snapshotted, Termination
from genapps.core.pod_fence import CONTAINER, fence, seal

CONFIRM_VANISHED = f"{GROUP}/confirm-vanished"
"""Annotation of the system namespace: as many apps may vanish at once (a number, and anything after a hyphen to tell it
from the one before). It counts from when the operator sees it first; what has vanished since then uses it up."""
_CONFIRMATION = re.compile(r"[0-9]{1,6}(-[a-z0-9]{1,16})?\Z")
_COUNT = re.compile(r"[1-9][0-9]?\Z")


@dataclass(frozen=True, slots=True)
class ImageSnapshot:
    """Which image a snapshot was taken of, and what its code is."""

    image: str
    """Digest of the manifest."""
    code: Snapshotted


@dataclass(frozen=True, slots=True)
class Live:
    """A live object of a run namespace, with what the rules ask for of its kind."""

    child: Child
    pod: PodState | None = None
    claim: ClaimState | None = None
    address: str | None = None
    """ClusterIP of a Service."""
    image: ImageSnapshot | None = None
    """Of a snapshot of code from an image."""
    opens: OpeningPolicy | None = None
    """Of a NetworkPolicy that is no app's fence and lets pods reach something."""


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """A namespace: `prepared` says that the chart has made it a run namespace."""

    uid: str
    prepared: bool
    ending: bool = False
    confirmation: str = ""
    """A person's word that many apps were deleted on purpose."""


def slim(kind: str) -> Callable[[Object], Live]:
    """The function that makes the record of a live object of that kind (items of a list do not name it)."""

    def of(object_: Object) -> Live:
        live = {**object_, "kind": kind}
        return Live(
            child=_child(live),
            pod=pod_state(live) if kind == "Pod" else None,
            claim=claim_state(live) if kind == "PersistentVolumeClaim" else None,
            address=live.get("spec", {}).get("clusterIP") if kind == "Service" else None,
            image=_image_snapshot(live["metadata"]) if kind == "ConfigMap" else None,
            opens=opening_policy(live) if kind == "NetworkPolicy" else None,
        )

    return of


def whole_images(live: Collection[Live]) -> list[ImageSnapshot]:
    """The snapshots of images among the live objects of an app of which a pod would find every part."""
    there = {one.child.name: one.child for one in live if one.child.kind == "ConfigMap" and not one.child.deleting}
    found = []
    for one in live:
        if one.image is not None and one.child.name in there:
            code = one.image.code
            wanted = code_snapshot_names(child_name_of(one.child.name), code.digest, code.parts)
            parts = [there.get(name) for name in wanted]
            if all(part is not None and (part.files or code.parts is None) for part in parts):
                found.append(one.image)
    return found


def namespace_state(object_: Object) -> NamespaceState:
    """From a namespace's metadata."""
    metadata = object_["metadata"]
    prepared = (metadata.get("labels") or {}).get(LABEL_RUN_NAMESPACE) == "true"
    return NamespaceState(
        uid=metadata["uid"],
        prepared=prepared and "deletionTimestamp" not in metadata,
        ending="deletionTimestamp" in metadata,
        confirmation=_confirmation((metadata.get("annotations") or {}).get(CONFIRM_VANISHED, "")),
    )


def _confirmation(text: str) -> str:
    return text if _CONFIRMATION.match(text) else ""


def _image_snapshot(metadata: Mapping[str, Any]) -> ImageSnapshot | None:
    notes = metadata.get("annotations") or {}
    image, entry = notes.get(ANNOTATION_IMAGE_DIGEST), notes.get(ANNOTATION_ENTRY)
    code = notes.get(ANNOTATION_CODE_DIGEST)
    if not (image and entry and code) or "/" in entry or not is_path(entry):
        return None
    parts, name = _parts(notes), metadata["name"]
    if name != code_snapshot_names(child_name_of(name), code, parts)[0]:
        return None
    return ImageSnapshot(image, Snapshotted(entry, code, parts))


def _parts(notes: Mapping[str, str]) -> int | None:
    said = notes.get(ANNOTATION_CODE_PARTS, "")
    return int(said) if _COUNT.match(said) and int(said) <= MOST_PARTS else None


def _files(metadata: Mapping[str, Any]) -> str:
    """Of a part of a snapshot: its paths, if they are some."""
    said: str = (metadata.get("annotations") or {}).get(ANNOTATION_FILES, "")
    paths = said.split(" ")
    return said if len(paths) <= BUNDLE_FILES and all(map(is_path, paths)) else ""


def app_key(metadata: Mapping[str, Any]) -> AppKey | None:
    """Which app an object says it belongs to; None when it does not say it is ours."""
    labels = metadata.get("labels") or {}
    if labels.get(LABEL_MANAGED_BY) != MANAGED_BY or not labels.get(LABEL_APP) or not labels.get(LABEL_APP_NAMESPACE):
        return None
    return AppKey(labels[LABEL_APP_NAMESPACE], labels[LABEL_APP])


def _child(live: Object) -> Child:
    metadata = live["metadata"]
    return Child(
        kind=live["kind"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        app=app_key(metadata),
        app_uid=(metadata.get("labels") or {}).get(LABEL_APP_UID, ""),
        digest=live_digest(live),
        deleting="deletionTimestamp" in metadata,
        files=_files(metadata) if live["kind"] == "ConfigMap" else "",
        **(_made_of(live) if live["kind"] == "Pod" else {}),
    )


def _made_of(live: Object) -> dict[str, Any]:
    """What a pod was created from and what has become of it; one without the note is taken as it is."""
    stands, spec = fence(live), owned(live).get("spec", {})
    now = spec_digest(spec)
    notes = live["metadata"].get("annotations") or {}
    noted = notes.get(ANNOTATION_POD_DIGEST)
    found = {"fence": stands, "risk": intern(notes.get(ANNOTATION_EFFECTIVE_RISK, ""))}
    if noted is None:
        return {**found, "spec_digest": f"{now}.{seal(stands)}" if spec else ""}
    changed = noted.partition(".")[0] != now
    return {**found, "spec_digest": noted, "live_spec": orjson.dumps(spec) if changed else None}


def claim_state(live: Object) -> ClaimState:
    """From a PersistentVolumeClaim; its spec is the part that we own."""
    metadata = live["metadata"]
    annotations = metadata.get("annotations") or {}
    stage = live.get("status", {}).get("phase")
    return ClaimState(
        bound=stage == "Bound",
        lost=stage == "Lost",
        owner=annotations.get(ANNOTATION_OWNER),
        namespace_uid=annotations.get(ANNOTATION_NAMESPACE_UID),
        kept_after_delete=annotations.get(ANNOTATION_KEPT_AFTER_DELETE),
        created_at=_time(metadata.get("creationTimestamp")),
        spec=owned(live).get("spec", {}),
        size=_size(live.get("spec", {}).get("resources", {}).get("requests", {}).get("storage")),
        deleting="deletionTimestamp" in metadata,
    )


def _size(quantity: Any) -> int | None:
    """Bytes of it; None where it is none."""
    try:
        return byte_count(quantity)
    except (TypeError, ValueError):
        return None


def pod_state(live: Object) -> PodState:
    """The text in it (termination message, scheduler's message) may be a guest's and stays as it is."""
    metadata, status = live["metadata"], live.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    container = _named(status.get("containerStatuses"))
    state = container.get("state") or {}
    waiting = state.get("waiting")
    scheduled = conditions.get("PodScheduled", {})
    finished = status.get("phase") in ("Failed", "Succeeded")
    return PodState(
        uid=metadata["uid"],
        ready=conditions.get("Ready", {}).get("status") == "True",
        ready_changed_at=_time(conditions.get("Ready", {}).get("lastTransitionTime")),
        ip=status.get("podIP"),
        node=live.get("spec", {}).get("nodeName"),
        debug=DEBUG in (_named(live.get("spec", {}).get("containers")).get("args") or ()),
        deletion_deadline=_time(metadata.get("deletionTimestamp")),
        finished_at=_finished_at(live) if finished else None,
        finished_reason=(status.get("reason") or status["phase"]) if finished else "",
        started_at=_time((state.get("running") or {}).get("startedAt")),
        scheduled_at=_time(scheduled.get("lastTransitionTime")) if scheduled.get("status") == "True" else None,
        termination=_termination(container),
        waiting=(waiting.get("reason", ""), waiting.get("message", "")) if waiting else None,
        unschedulable=scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else None,
        labels={intern(key): intern(value) for key, value in (metadata.get("labels") or {}).items()},
    )


def _named(containers: Iterable[Mapping[str, Any]] | None) -> Mapping[str, Any]:
    """The runtime's container, in the spec or the status, wherever it stands among injected ones."""
    return next((one for one in containers or () if one.get("name") == CONTAINER), {})


def _finished_at(live: Object) -> datetime | None:
    status = live["status"]
    ends = [
        _time((container.get("state") or {}).get("terminated", {}).get("finishedAt"))
        for container in status.get("containerStatuses") or ()
    ]
    changes = [_time(condition.get("lastTransitionTime")) for condition in status.get("conditions") or ()]
    known = [time for time in (*ends, *changes) if time is not None]
    return max(known) if known else _time(live["metadata"]["creationTimestamp"])


def _termination(container: Mapping[str, Any]) -> Termination | None:
    state, last = container.get("state") or {}, container.get("lastState") or {}
    ended = state.get("terminated") or last.get("terminated")
    if not ended:
        return None
    code, text = int(ended.get("exitCode", 0)), ended.get("message") or ""
    own = _own_words(text)
    if own is not None:
        return Termination(reason=own[0], message=own[1], exit_code=code, own=True)
    return Termination(reason=ended.get("reason") or "Error", message=text, exit_code=code)


def _own_words(text: str) -> tuple[str, str] | None:
    """Reason and message of the runtime's termination message: one JSON object, else None."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("reason"), str):
        return None
    message = said.get("message")
    return said["reason"], message if isinstance(message, str) else ""


def _time(text: str | None) -> datetime | None:
    return None if not text else datetime.fromisoformat(text)
