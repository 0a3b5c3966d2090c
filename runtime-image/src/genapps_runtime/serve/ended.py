# SPDX-License-Identifier: Apache-2.0
"""What goes back to `app` of a request, whether an action has run for it or not."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.messages import Answer, Exchange, Reply
from genapps_runtime.state.facet import Facet


class Instead(NamedTuple):
    """What the caller gets in place of a problem: a `kind` of fallback, for the reason `why`."""

    reply: Reply
    why: str
    kind: str


@dataclass(frozen=True, slots=True)
class Unbegun:
    """A request that is answered without an action: with a file, or because it is refused.

    `facet` is its tenant's, where that is known.
    """

    exchange: Exchange
    facet: Facet | None = None
    keyed: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class Ended:
    """An action's end: the app's reply, or the problem in its place; or a file, which is served in place of one.

    `tried` is the app's own fallback, which ran for it.
    """

    action: Action | Unbegun
    outcome: Answer | ProblemError
    replayed: bool = False
    """Whether it is the answer to an earlier request with the same key."""
    instead: Instead | None = None
    tried: Action | None = None
