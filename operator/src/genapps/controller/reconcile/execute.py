# SPDX-License-Identifier: Apache-2.0
"""The one place where a plan becomes requests. Answers go into the caches at once, so the next pass sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from genapps.api.apprecord import AppRecord
from genapps.cluster.client import Client
from genapps.cluster.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnavailableError
from genapps.cluster.resources import BY_KIND, Object
from genapps.controller.cache.caches import CHILD_KINDS, Caches
from genapps.core.observed import Manifest
from genapps.core.steps import Apply, Delete, ReleaseRecord, Step, Wait, WriteRecord

SNAPSHOTS_AT_ONCE = 4
"""ConfigMaps that are being written: each may be a request of two MiB."""

_EVIDENCE = ("AppRecord", "Ledger")


class ChildRefusedError(Exception):
    """The API server did not take a child: quota, admission policy or webhook, validation. The message is its own."""

    def __init__(self, kind: str, name: str, message: str) -> None:
        super().__init__(f"{kind} {name}: {message}")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a plan came to: whether anything was done, and the wait that ended it, if one did. With `postponed` its rest
    is to come after others."""

    acted: bool
    wait: Wait | None = None
    postponed: bool = False


def nobody_waits() -> bool:
    """No other app is more urgent."""
    return False


class Executor:
    """Takes steps in order and stops at the first Wait. Children are written in run namespaces only."""

    def __init__(self, client: Client, caches: Caches, system_namespace: str, run_namespaces: frozenset[str]) -> None:
        self._client = client
        self._caches = caches
        self._system_namespace = system_namespace
        self._run_namespaces = run_namespaces
        self._snapshots = asyncio.Semaphore(SNAPSHOTS_AT_ONCE)

    async def run(
        self, child: str, steps: Sequence[Step], deleted: set[str], others_first: Callable[[], bool] = nobody_waits
    ) -> RunResult:
        """`child` names the app's record; `deleted` holds the uids whose deletion was already ordered in this
        reconciliation, and is extended. Once a pod is ordered to end, the rest is postponed when `others_first` says
        that others are more urgent.

        Raises ChildRefusedError, Conflict, Unavailable."""
        acted = False
        for step in steps:
            if isinstance(step, Wait):
                return RunResult(acted, step)
            if isinstance(step, Apply):
                await self._apply(step.manifests)
            elif isinstance(step, WriteRecord):
                await self.write_record(child, step)
            elif isinstance(step, ReleaseRecord):
                await self._release_record(child, step)
            elif step.uid in deleted:
                continue
            else:
                await self._delete(step)
                deleted.add(step.uid)
                if step.kind == "Pod" and others_first():
                    return RunResult(True, postponed=True)
            acted = True
        return RunResult(acted)

    async def write_record(self, child: str, step: WriteRecord) -> None:
        """Compare-and-swap with the version that the record was made from; without one it must not exist yet: whoever
        wrote in between, a second operator even, is not undone. Raises Conflict."""
        manifest = AppRecord.manifest(self._system_namespace, child, step.record)
        if not step.version:
            live = await self._client.create(manifest)
        else:
            manifest["metadata"]["resourceVersion"] = step.version
            live = await self._client.replace(manifest)
        self._caches.record_written(live)

    async def _release_record(self, child: str, step: ReleaseRecord) -> None:
        manifest = AppRecord.manifest(self._system_namespace, child, step.record, held=False)
        manifest["metadata"] |= {"uid": step.uid, "resourceVersion": step.version}
        with suppress(NotFoundError):
            await self._client.replace(manifest)

    async def _apply(self, manifests: Sequence[Manifest]) -> None:
        for manifest in manifests:
            self._check_namespace(manifest["kind"], manifest["metadata"]["namespace"])
        results = await asyncio.gather(*(self._apply_one(manifest) for manifest in manifests), return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            raise failed[0]

    async def _apply_one(self, manifest: Manifest) -> None:
        kind, metadata = manifest["kind"], manifest["metadata"]
        try:
            async with self._snapshots if kind == "ConfigMap" else nullcontext():
                live = await self._client.apply(manifest, metadata_only=kind == "ConfigMap")
        except (ForbiddenError, InvalidError, NotFoundError, UnavailableError) as error:
            # A webhook that does not answer is a refusal as well, as far as the app can tell.
            raise ChildRefusedError(kind, metadata["name"], error.message) from error
        self._caches.children[metadata["namespace"], kind].written(live)

    async def _delete(self, step: Delete) -> None:
        self._check_namespace(step.kind, step.namespace)
        try:
            answer = await self._client.delete(
                BY_KIND[step.kind], step.namespace, step.name, uid=step.uid, grace_seconds=step.grace_seconds
            )
        except (NotFoundError, ConflictError):
            # Gone already, or the name has a new owner: the watch tells.
            return
        if step.kind in CHILD_KINDS and _ending(answer, step.kind):
            self._caches.children[step.namespace, step.kind].written(answer, insert=False)

    def _check_namespace(self, kind: str, namespace: str) -> None:
        evidence = kind in _EVIDENCE and namespace == self._system_namespace
        if not evidence and (kind not in CHILD_KINDS or namespace not in self._run_namespaces):
            raise RuntimeError(f"refusing to write a {kind} in {namespace}: not a run namespace")


def _ending(answer: Object, kind: str) -> bool:
    """Whether the answer to a deletion is the object on its way out (and not a Status, or an object that is gone)."""
    return answer.get("kind") == kind and "deletionTimestamp" in answer["metadata"]
