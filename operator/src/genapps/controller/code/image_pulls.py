# SPDX-License-Identifier: Apache-2.0
"""Images are pulled in the background: a pass asks, goes on without, and is woken when there is an answer.

Each reference has its own back-off and each registry few pulls at a time, so that a dead registry delays nobody.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from genapps.api.conditions import Reason
from genapps.cluster.client import backoff
from genapps.controller.cache.keys import AppKey
from genapps.controller.code.bundle_cache import BundleCache
from genapps.core.code.source import PENDING
from genapps.core.observed import SourceProblem
from genapps.registry.artifact import Artifact, PullError, Reference

Pull = Callable[[Reference], Awaitable[Artifact]]

_AT_ONCE = 2
"""Pulls from one registry."""
_FIRST_DELAY = 2.0
_LONGEST_DELAY = 300.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Attempts:
    """What is known of one reference while nobody has got it."""

    problem: SourceProblem = PENDING
    failures: int = 0
    waiting: set[AppKey] = field(default_factory=set)


class ImagePulls:
    """`get` answers at once; `wake` is called for everybody who asked, when the answer changes."""

    def __init__(
        self,
        pull: Pull,
        wake: Callable[[AppKey], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pull = pull
        self._wake = wake
        self._sleep = sleep
        self._pulled: BundleCache[str, Artifact] = BundleCache()
        self._attempts: dict[str, _Attempts] = {}
        self._registries: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, reference: str, key: AppKey) -> Artifact | SourceProblem:
        """The artifact, or what there is to say while there is none. It is fetched only while somebody asks."""
        pulled = self._pulled.get(reference)
        if pulled is not None:
            return pulled
        attempts = self._attempts.get(reference)
        if attempts is None:
            attempts = self._attempts[reference] = _Attempts()
            task = asyncio.ensure_future(self._until_pulled(reference, attempts))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        attempts.waiting.add(key)
        return attempts.problem

    def close(self) -> None:
        """Give up on what is not there yet."""
        for task in self._tasks:
            task.cancel()

    async def _until_pulled(self, reference: str, attempts: _Attempts) -> None:
        try:
            while attempts.waiting:
                problem = await self._problem_of(reference)
                waiting, attempts.waiting = attempts.waiting, set()
                for key in waiting:
                    self._wake(key)  # whoever still wants it asks again
                if problem is None:
                    return
                attempts.problem = problem
                attempts.failures += 1
                await self._sleep(backoff(min(attempts.failures, 16), _FIRST_DELAY, _LONGEST_DELAY))
        finally:
            del self._attempts[reference]

    async def _problem_of(self, reference: str) -> SourceProblem | None:
        """One attempt: None when the artifact is there."""
        try:
            parsed = Reference.parse(reference)
            async with self._registries[parsed.host]:
                self._pulled.put(reference, await self._pull(parsed))
        except PullError as error:
            _log.warning("pull_failed", reference=reference, error=str(error))
            return SourceProblem(error.reason, f"Image {parsed.host}/{parsed.repository}: {error}.")
        except Exception:
            # A mistake of ours: it must not be tried in a loop without a pause.
            _log.exception("pull_failed", reference=reference)
            return SourceProblem(Reason.SOURCE_UNAVAILABLE, "The image cannot be pulled: see the operator's log.")
        return None
