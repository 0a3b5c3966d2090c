# SPDX-License-Identifier: Apache-2.0
"""How long a call may take: its tool has a time, and so has the action that makes it."""

from __future__ import annotations

from typing import NamedTuple

from genapps.gateway.catalogue import OfferedTool


class Allowed(NamedTuple):
    """How many seconds one attempt may take."""

    begin: float
    """Until its request leaves: nothing is sent after the action has ended."""
    answer: float
    """Until the whole answer has come. What may have changed something is awaited beyond the end of the action."""
    by_action: bool = False
    """Whether the action ends before the tool's own time does. Then it says nothing of the connector that it was too
    slow."""

    def after(self, seconds: float) -> Allowed:
        """What is left when so many have gone."""
        return Allowed(self.begin - seconds, self.answer - seconds, self.by_action)


class Times(NamedTuple):
    """What a call may take, in seconds from `begun` on, a time of a monotonic clock: by its tool, and by its action."""

    begun: float
    tool: float
    action: float
    reads: bool

    @classmethod
    def of(cls, tool: OfferedTool, now: float, ends: float) -> Times:
        """Of a call that is about to be made, for an action that `ends` then."""
        return cls(now, tool.seconds, ends - now, tool.effect == "Read")

    def allowed(self, now: float) -> Allowed:
        """What an attempt may take now. Only what reads ends with its action."""
        gone = now - self.begun
        begin = min(self.tool, self.action) - gone
        return Allowed(begin, begin if self.reads else self.tool - gone, self.action < self.tool)
