# SPDX-License-Identifier: Apache-2.0
"""Acknowledges the suspensions of one hold in batches. Who may, and whether it counts, the cluster decides."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from genapps.api.names import API_VERSION, AppKey
from genapps.cli.hold.progress import Progress, acknowledged, is_observed, progress, suspension_of, why_not_ready
from genapps.cluster.client import Client
from genapps.cluster.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from genapps.cluster.resources import GENERATED_APP, Object
from genapps.core.text import plain

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Batches:
    """How many apps start at the same time, and how many seconds they may need together."""

    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """A clock in seconds that never goes back, and how to wait so many seconds."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class StoppedError(Exception):
    """Nothing more is started; the message says why."""


@dataclass(slots=True)
class Resuming:
    """The apps that one hold suspended, on their way back. `say` takes a line for each app."""

    client: Client
    hold: str
    batches: Batches
    pace: Pace
    say: Callable[[str], None]
    resumed: int = 0
    left: int = 0
    """Apps that this hold suspended and that are not resumed."""

    async def run(self, namespace: str | None) -> None:
        """Resume all that may be. Raises StoppedError when one is refused or not ready in time, and ApiError."""
        # From the store itself: a cache may not know yet that the hold is lifted.
        apps = (await self.client.list(GENERATED_APP, namespace, at_least=None)).items
        mine = sorted(_key(app) for app in apps if suspension_of(app).get("hold") == self.hold)
        self.left = len(mine)
        if not mine:
            self.say(f"no app is suspended by AppHold {plain(self.hold)}")
        for start in range(0, len(mine), self.batches.size):
            await self._batch(mine[start : start + self.batches.size])

    async def _batch(self, keys: Sequence[AppKey]) -> None:
        deadline = self.pace.now() + self.batches.seconds
        started, refusal = [], None
        for key in keys:
            try:
                if await self._acknowledge(key, deadline):
                    started.append(key)
            except StoppedError as error:
                refusal = error
                break
        # Those that were started before the refusal are told to their end all the same.
        await self._all_ready(started, deadline)
        if refusal:
            raise refusal

    async def _acknowledge(self, key: AppKey, deadline: float) -> bool:
        """Whether the suspension was acknowledged; not that of an app that has changed since it was listed."""
        app = await self._live(key)
        if app is None:
            return self._is_gone(key)
        suspension = suspension_of(app)
        if suspension.get("hold") != self.hold:
            self.left -= 1
            self.say(f"{_shown(key)}: is not suspended by AppHold {self.hold} any more")
            return False
        if holds := suspension.get("holds"):
            self.say(f"{_shown(key)}: left, AppHold {', '.join(holds)} is in force and matches it")
            return False
        if acknowledged(app) == suspension["id"]:
            # Written while a hold matched, or before the app was created: the operator gives it no effect until the
            # field has changed, and must have seen the change.
            await self._write(app, "")
            cleared = await self._observed(key, deadline)
            if cleared is None:
                return self._is_gone(key)
            if suspension_of(cleared).get("id") != suspension["id"]:
                return True
        await self._write(app, suspension["id"])
        return True

    async def _write(self, app: Object, value: str) -> None:
        metadata = {name: app["metadata"][name] for name in ("namespace", "name", "uid")}
        try:
            await self.client.apply(
                {
                    "apiVersion": API_VERSION,
                    "kind": "GeneratedApp",
                    "metadata": metadata,
                    "spec": {"acknowledgedSuspension": value},
                },
                metadata_only=True,
            )
        except (ForbiddenError, InvalidError, ConflictError, NotFoundError) as error:
            raise StoppedError(f"{_shown(_key(app))}: refused: {error.message or error}") from None

    async def _observed(self, key: AppKey, deadline: float) -> Object | None:
        """The app once the operator has judged its spec; None for one that is gone."""
        while True:
            app = await self._live(key)
            if app is None or is_observed(app):
                return app
            if self.pace.now() >= deadline:
                raise StoppedError(f"{_shown(key)}: the operator has not seen in time that the field was cleared")
            await self.pace.sleep(_LOOK_SECONDS)

    async def _all_ready(self, keys: Sequence[AppKey], deadline: float) -> None:
        waiting, failed = list(keys), 0
        while waiting:
            in_time = self.pace.now() < deadline
            still = []
            for key in waiting:
                app = await self._live(key)
                found = progress(app) if app else None
                if app is None:
                    self._is_gone(key)
                elif found is Progress.ON_ITS_WAY and in_time:
                    still.append(key)
                elif found in {Progress.ON_ITS_WAY, Progress.STUCK}:
                    late = " in time" if found is Progress.ON_ITS_WAY else ""
                    self.say(f"{_shown(key)}: not ready{late} ({why_not_ready(app)})")
                    failed += 1
                else:
                    self._is_resumed(key, by_author=found is Progress.STOPPED_BY_AUTHOR)
            waiting = still
            if waiting:
                await self.pace.sleep(_LOOK_SECONDS)
        if failed:
            raise StoppedError(f"{failed} of this batch {'is' if failed == 1 else 'are'} not ready")

    async def _live(self, key: AppKey) -> Object | None:
        try:
            return await self.client.get(GENERATED_APP, key.namespace, key.name)
        except NotFoundError:
            return None

    def _is_resumed(self, key: AppKey, *, by_author: bool) -> None:
        self.resumed += 1
        self.left -= 1
        self.say(f"{_shown(key)}: resumed{' and stays stopped by spec.operatingMode' if by_author else ''}")

    def _is_gone(self, key: AppKey) -> bool:
        self.left -= 1
        self.say(f"{_shown(key)}: was deleted meanwhile")
        return False


def _key(app: Object) -> AppKey:
    return AppKey(app["metadata"]["namespace"], app["metadata"]["name"])


def _shown(key: AppKey) -> str:
    return f"{key.namespace}/{key.name}"
