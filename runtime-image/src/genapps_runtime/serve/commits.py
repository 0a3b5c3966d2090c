# SPDX-License-Identifier: Apache-2.0
"""The commits of actions that ended together: a caller who gets a reply can rely on what it says is stored."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from genapps_runtime.guest.turns import Written
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.state.errors import StateBusyError, StateFullError, StateUnavailableError
from genapps_runtime.state.facet import Committed, Facet
from genapps_runtime.state.open_transaction import OpenTransaction
from genapps_runtime.state.transaction import Commit

COMMIT_SECONDS = 1.0
"""What a commit may take at least, also when the actions' time is nearly used up."""

Group = list[tuple[Action, Written]]
Verdict = Exception | None
"""None when it is stored, StateConflictError, or the ProblemError that the caller gets."""


@dataclass(slots=True)
class Storing:
    """What is being stored, of all facets. `stored` gets each group with the verdict of each action in it, once."""

    stored: Callable[[Group, list[Verdict]], None]
    actions: int = 0
    """How many there are whose commit is not done."""


class Commits:
    """Stores what the actions of one facet wrote."""

    def __init__(self, facet: Facet, storing: Storing) -> None:
        self._facet = facet
        self._storing = storing

    def add(self, group: Group) -> None:
        """Begin to store the writes of these actions, whose snapshots are closed; they end together."""
        commits = [
            Commit(action.reads if done.writes else None, done.writes, mark=action.mark(done)) for action, done in group
        ]
        self._begin(group, commits, self._facet.commit)

    def add_serial(self, group: Group, after: Commit | None) -> Commit:
        """The same for actions that hold the facet: each has seen the writes of the one before it.

        The first has seen those of `after`. Returns the last commit.
        """
        commits: list[Commit] = []
        for action, done in group:
            after = Commit(None, done.writes, after, action.mark(done))
            commits.append(after)
        self._begin(group, commits, self._facet.commit_held)
        return commits[-1]

    def add_open(self, group: Group, transaction: OpenTransaction) -> None:
        """The same for actions whose writes are in an open transaction."""

        def store(commits: list[Commit], committed: Committed) -> None:
            self._facet.commit_open(transaction, commits, committed)

        self._begin(group, [Commit(None, []) for _ in group], store)

    def _begin(self, group: Group, commits: list[Commit], store: Callable[[list[Commit], Committed], None]) -> None:
        latest = max(action.deadline for action, _ in group)
        seconds = max(COMMIT_SECONDS, latest - time.monotonic())
        self._storing.actions += len(group)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, lambda: late(storing=False))

        def late(*, storing: bool) -> None:
            # Those that wait for somebody's turn, or whose commit ended while a guest kept the loop busy, are not late.
            nonlocal timer
            if storing and self._facet.storing:
                self._too_late(group)
            else:
                timer = loop.call_later(COMMIT_SECONDS, partial(late, storing=self._facet.storing))

        def committed(commits: list[Commit]) -> None:
            if group:
                timer.cancel()
                self._storing.actions -= len(group)
                self._storing.stored(group, [_verdict(commit.verdict) for commit in commits])

        store(commits, committed)

    def _too_late(self, group: Group) -> None:
        detail = "the disk of the app's state does not answer; the changes may or may not be stored"
        self._storing.actions -= len(group)
        waiting = group[:]
        group.clear()  # nobody waits for its commit any more
        self._storing.stored(waiting, [ProblemError("StateUnavailable", detail) for _ in waiting])


def _verdict(error: Exception | None) -> Verdict:
    if isinstance(error, StateBusyError):
        return ProblemError("Busy", str(error))
    if isinstance(error, StateFullError):
        return ProblemError("StateFull", str(error))
    if isinstance(error, StateUnavailableError):
        return ProblemError("StateUnavailable", str(error))
    return error
