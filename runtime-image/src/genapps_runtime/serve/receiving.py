# SPDX-License-Identifier: Apache-2.0
"""How an action takes its request's body, if that is sent piece by piece (`upload`)."""

import time
from typing import Protocol

from genapps_runtime.guest.turns import Call
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.limits import UPLOAD_SECONDS
from genapps_runtime.serve.tools import Outcome
from genapps_runtime.serve.upload import Upload

SLACK_SECONDS = 0.01
"""A timer of the loop may be a little ahead of the clock."""


class Runner(Protocol):
    """What runs the actions (`stages`)."""

    def answer(self, action: Action, call: str, outcome: Outcome) -> None:
        """A call of the action has this outcome."""

    def refuse(self, action: Action, problem: ProblemError) -> None:
        """The action ends with this problem."""


def sender_seconds(*, holds_guest: bool) -> float:
    """How long an action may wait for its body beside its own time. Not at all where its guest is kept for it, or for
    its tenant, meanwhile: others might wait for that guest."""
    return 0.0 if holds_guest else UPLOAD_SECONDS


def wait_for_piece(action: Action, call: Call, runner: Runner, most_seconds: float) -> Upload:
    """Answer the call when a piece has come, or end the action when none will."""
    upload = action.exchange.upload
    assert upload is not None  # noqa: S101  else it would have been answered at once
    upload.most_seconds = most_seconds

    def told() -> None:
        action.deadline += upload.grant()
        try:
            outcome: Outcome = {"ok": upload.take()}
        except ProblemError as problem:
            runner.refuse(action, problem)
        else:
            runner.answer(action, call.id, outcome)

    upload.wait(told)
    return upload


def has_time_left(action: Action) -> bool:
    """Whether its time is not over, because it has waited for its body meanwhile."""
    upload = action.exchange.upload
    if upload is None:
        return False
    action.deadline += upload.grant()
    return action.deadline > time.monotonic() + SLACK_SECONDS
