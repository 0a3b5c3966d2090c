# SPDX-License-Identifier: Apache-2.0
"""Which of several operators may write: the holder of a Lease, and only while that is certain.

Only durations that this process has measured itself count, never the times in the Lease, so clocks may differ. The
holder counts from the moment *before* it asked for a renewal that was granted; all others count from the moment *after*
they saw the Lease change. What the holder may still do therefore always ends before another one may begin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, Protocol

import structlog

from genapps.cluster.client import Client
from genapps.cluster.errors import ApiError, ConflictError, NotFoundError
from genapps.cluster.resources import LEASE, Object

LEASE_NAME = "genapps-operator"

_log = structlog.get_logger(__name__)


class LeaseLostError(Exception):
    """It is not certain any more that nobody else writes: this process has to end."""


class NotLeadingError(RuntimeError):
    """A write before the Lease was acquired, or after it was released: a mistake in this program."""


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds; `lease` is how long others wait after the last sign of life."""

    lease: float

    @property
    def certain(self) -> float:
        """How long after the start of a granted renewal writes may begin; the rest of the lease is for their end."""
        return self.lease * 2 / 3

    @property
    def request(self) -> float:
        """How long one request may take, so that a write that was begun at the last moment ends within the lease."""
        return self.lease * 0.3

    @property
    def renew(self) -> float:
        """How long between two renewals."""
        return self.lease * 2 / 15

    @property
    def poll(self) -> float:
        """How often others look whether the Lease is free."""
        return min(1.0, self.lease / 10)


class Memory(Protocol):
    """What is remembered on the Lease, because it is written anyway and outlives the process."""

    def load(self, annotations: Mapping[str, str]) -> None:
        """Called with what an earlier holder left, before it is written again."""

    def annotations(self) -> Mapping[str, str]:
        """What to write with each renewal."""


class Leadership:
    """`client` must have no write guard and try each request once. `lost` is called when it is not certain
    any more that nobody else writes; it is expected to end the process. `clock` counts seconds, also while the machine
    sleeps; `now` is only shown in the Lease."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        identity: str,
        timing: Timing,
        lost: Callable[[str], None],
        clock: Callable[[], float],
        now: Callable[[], datetime],
        memory: Memory,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._identity = identity
        self._timing = timing
        self._lost = lost
        self._clock = clock
        self._now = now
        self._memory = memory
        self._lease: Object = {}
        self._seen_at = float("-inf")
        self._until = float("-inf")
        self.leading = False
        """From acquiring until release; whether it is still certain is what `check` says."""

    def check(self) -> None:
        """The write guard: returns while the Lease is certainly ours. Raises NotLeadingError, LeaseLostError."""
        if self._clock() < self._until:
            return
        if not self.leading:
            raise NotLeadingError("this process does not hold the Lease")
        self._lose("a write was due when the Lease had run out")

    async def acquire(self) -> None:
        """Returns when the Lease is ours; as long as the API server does not answer it is not."""
        while True:
            try:
                if await self._try():
                    self.leading = True
                    return
            except ApiError as error:
                _log.warning("lease_unavailable", error=str(error))
            await asyncio.sleep(self._timing.poll)

    async def keep(self) -> None:
        """Renew until cancelled. Raises LeaseLostError."""
        while True:
            await asyncio.sleep(self._timing.renew)
            try:
                await self._renew()
            except ApiError as error:
                _log.warning("lease_not_renewed", error=str(error))
            if self._clock() >= self._until:
                self._lose(f"not renewed for {self._timing.certain:g} s")

    async def release(self) -> None:
        """Give the Lease to whoever comes first. Only when nothing of ours is on its way to the API server any more:
        from here on nothing is written."""
        self._until, self.leading = float("-inf"), False
        try:
            # A renewal that was cut off may have been granted.
            self._lease = await self._client.get(LEASE, self._namespace, LEASE_NAME)
            spec = self._lease["spec"]
            if spec.get("holderIdentity") == self._identity:
                await self._replace({key: value for key, value in spec.items() if key != "holderIdentity"})
        except ApiError as error:
            _log.warning("lease_not_released", error=str(error))

    async def _try(self) -> bool:
        try:
            live = await self._client.get(LEASE, self._namespace, LEASE_NAME)
        except NotFoundError:
            return await self._create()
        if live.get("spec") != self._lease.get("spec"):
            self._seen_at = self._clock()
        self._lease = live
        spec = live.get("spec") or {}
        holder = spec.get("holderIdentity")
        if holder not in (None, "", self._identity):
            patience = max(self._timing.lease, float(spec.get("leaseDurationSeconds") or 0))
            if self._clock() - self._seen_at < patience:
                return False
        self._memory.load(live["metadata"].get("annotations") or {})
        started = self._clock()
        try:
            await self._replace(self._spec(spec))
        except ConflictError:
            return False
        self._until = started + self._timing.certain
        _log.info("leading", identity=self._identity, before=holder or "")
        return True

    async def _create(self) -> bool:
        started = self._clock()
        metadata = {"name": LEASE_NAME, "namespace": self._namespace, "annotations": {**self._memory.annotations()}}
        manifest = self._manifest(metadata, self._spec({}))
        try:
            self._lease = await self._client.create(manifest)
        except ConflictError:
            return False
        self._until = started + self._timing.certain
        _log.info("leading", identity=self._identity, before="")
        return True

    async def _renew(self) -> None:
        started = self._clock()
        try:
            await self._replace(self._spec(self._lease["spec"]))
        except NotFoundError:
            self._lose("the Lease was deleted")
        except ConflictError:
            # Perhaps a renewal of our own whose answer was lost; who holds it now decides.
            self._lease = await self._client.get(LEASE, self._namespace, LEASE_NAME)
            holder = self._lease.get("spec", {}).get("holderIdentity")
            if holder != self._identity:
                self._lose(f"held by {holder or 'nobody'}")
            started = self._clock()
            await self._replace(self._spec(self._lease["spec"]))
        self._until = started + self._timing.certain

    def _lose(self, why: str) -> NoReturn:
        """The one way out of leading that nobody asked for."""
        self._lost(why)
        raise LeaseLostError(why)

    async def _replace(self, spec: dict[str, Any]) -> None:
        live = self._lease["metadata"]
        metadata = {name: live[name] for name in ("name", "namespace", "resourceVersion")}
        metadata["annotations"] = {**(live.get("annotations") or {}), **self._memory.annotations()}
        self._lease = await self._client.replace(self._manifest(metadata, spec))

    def _spec(self, before: dict[str, Any]) -> dict[str, Any]:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        same = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._timing.lease)),
            "acquireTime": before.get("acquireTime", now) if same else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (bool(before) and not same),
        }

    @staticmethod
    def _manifest(metadata: dict[str, Any], spec: dict[str, Any]) -> Object:
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
