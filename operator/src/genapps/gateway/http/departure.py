# SPDX-License-Identifier: Apache-2.0
"""Ends what is done for a caller who closes the connection before the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from types import TracebackType

from genapps.gateway.bodies import Receive, RefusedError, Scope, whole_of
from genapps.gateway.problems import Code, Problem

Watch = Callable[[Callable[[], None]], Callable[[], None]]
"""Calls a function once when the caller has gone, until what it returned is called."""


def watch_of(scope: Scope, receive: Receive) -> Watch:
    """What tells that the caller of a request has gone. Its body was read."""
    whole = whole_of(scope)
    return partial(_watched, receive) if whole is None else whole.watch


class EndedWhenGone:
    """`with EndedWhenGone(watch): ...` ends what is within with RefusedError when the caller goes."""

    __slots__ = ("_gone", "_stop", "_task", "_watch")

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._gone = False

    def __enter__(self) -> None:
        """Within a task."""
        self._task = asyncio.current_task()
        self._stop = self._watch(self._leave)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises RefusedError in place of the cancellation that is ours."""
        self._stop()
        if self._gone and self._task is not None and isinstance(error, asyncio.CancelledError):
            self._task.uncancel()
            problem = Problem(Code.REQUEST_INVALID, "The caller closed the connection.")
            raise RefusedError(problem, close=True) from None

    def _leave(self) -> None:
        self._gone = True
        if self._task is not None:
            self._task.cancel()


def _watched(receive: Receive, gone: Callable[[], None]) -> Callable[[], None]:
    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone()

    watcher = asyncio.create_task(watch())

    def stop() -> None:
        watcher.cancel()

    return stop
