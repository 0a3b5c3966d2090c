# SPDX-License-Identifier: Apache-2.0
"""The steps from what is there to what is desired: `plan` and `retention` return them, the executor takes them.

A step says everything that it needs: which object it means (by uid), and which version of a record it follows on.
"""

from dataclasses import dataclass

from genapps.api.apprecord import Record
from genapps.core.observed import Child, Manifest

POD_GRACE_SECONDS = 1
"""Of a pod that must not run on (suspended, or its app is gone): enough to end an answer, too short to do much else."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of these, which may run concurrently."""

    manifests: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete this very object (uid as precondition)."""

    kind: str
    namespace: str
    name: str
    uid: str
    grace_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """Write the AppRecord of this app (name = child name, in the system namespace)."""

    record: Record
    version: str | None
    """`resourceVersion` of the AppRecord that it was made from, None when there was none: any other is a conflict."""


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """Let this very AppRecord go, whose deletion was ordered: nothing is left of its app."""

    record: Record
    uid: str
    version: str
    """`resourceVersion` of the AppRecord that it was made from."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Stop here: something outside has to happen first. An event wakes the app, at the latest after the seconds."""

    reason: str
    seconds: float | None = None


Step = Apply | Delete | WriteRecord | ReleaseRecord | Wait


def delete(child: Child, grace_seconds: int | None = None) -> Delete:
    """The deletion of a live child; without `grace_seconds` the API server gives it the time of its kind."""
    return Delete(child.kind, child.namespace, child.name, child.uid, grace_seconds)
