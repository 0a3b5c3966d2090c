# SPDX-License-Identifier: Apache-2.0
"""How long a caller waits for the commit of what was written. Without a guest and without a disk."""

import time
from typing import cast

from genapps_runtime.guest.turns import Done
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.commits import Commits, Group, Storing, Verdict
from genapps_runtime.serve.messages import Exchange, Request
from genapps_runtime.state.facet import Committed
from genapps_runtime.state.facet import Facet as RealFacet
from genapps_runtime.state.transaction import Commit
from tests.runtime.harness import until


class Facet:
    """A facet that stores when the test says so. `asked` is how often somebody wanted to know whether it is storing."""

    view = None

    def __init__(self, *, storing: bool) -> None:
        self.asked = 0
        self.begun: list[tuple[list[Commit], Committed]] = []
        self._storing = storing

    @property
    def storing(self) -> bool:
        self.asked += 1
        return self._storing

    def commit(self, commits: list[Commit], committed: Committed) -> None:
        self.begun.append((commits, committed))


def begun(facet: Facet) -> tuple[Storing, list[Verdict]]:
    """One action's commit, and the verdicts about it."""
    verdicts = cast("list[Verdict]", [])
    storing = Storing(lambda _group, found: verdicts.extend(found))
    exchange = Exchange(Request("r", "GET", "/", "", [], b""), 0.0, lambda _reply: None)
    context, real = cast("ActionContext", None), cast("RealFacet", facet)
    group: Group = [(Action(1, exchange, context, real, time.monotonic()), Done(200, [], b"", []))]
    Commits(real, storing).add(group)
    assert storing.actions == 1
    return storing, verdicts


async def test_a_disk_that_does_not_answer_is_told_once() -> None:
    facet = Facet(storing=True)
    storing, verdicts = begun(facet)
    await until(lambda: bool(verdicts))
    assert isinstance(verdicts[0], ProblemError)
    assert verdicts[0].code == "StateUnavailable"
    assert storing.actions == 0
    stored, committed = facet.begun[0]
    committed(stored)
    assert (len(verdicts), storing.actions) == (1, 0)


async def test_a_commit_that_waits_for_the_turn_of_another_is_not_late() -> None:
    facet = Facet(storing=False)
    storing, verdicts = begun(facet)
    await until(lambda: facet.asked >= 2)
    assert not verdicts
    stored, committed = facet.begun[0]
    committed(stored)
    assert (verdicts, storing.actions) == ([None], 0)
