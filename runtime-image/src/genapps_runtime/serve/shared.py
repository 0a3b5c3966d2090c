# SPDX-License-Identifier: Apache-2.0
"""What the connections of a listener have in common."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from genapps_runtime import logs
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.held_bytes import HeldBytes
from genapps_runtime.serve.limits import HttpLimits
from genapps_runtime.serve.messages import Exchange

Submit = Callable[[Exchange], None]


class Open(Protocol):
    """A connection, as the listener and the others see it."""

    def idle(self) -> bool:
        """Whether nothing is under way in either direction."""

    def spent(self) -> bool:
        """Whether it is idle after a reply: callers must expect that such a connection is closed."""

    def shut_down(self) -> None:
        """Close as soon as everything that has begun is answered."""

    def abort(self) -> None:
        """Close at once."""


@dataclass(slots=True)
class Shared:
    """The limits and accounts of all connections. Without `submit` the app is not ready."""

    limits: HttpLimits
    held: HeldBytes
    submit: Submit | None = None
    connections: dict[Open, None] = field(default_factory=dict)
    draining: bool = False
    on_last_lost: Callable[[], None] | None = None

    def has_room(self, new: Open) -> bool:
        """Whether this new connection may stay, for which an idle one may have to go; beyond all it is aborted."""
        if len(self.connections) <= self.limits.connections:
            return True
        for other in self.connections:
            if other is not new and other.idle():
                other.shut_down()
                return True
        if len(self.connections) > self.limits.connections + self.limits.refused_connections:
            new.abort()
            return True
        return False


def failure(request_id: str) -> ProblemError:
    """The problem of an exception that is a fault of this process; the log has its trace."""
    logs.write("runtime failed", level="error", requestId=request_id, trace=traceback.format_exc())
    return ProblemError("RuntimeFailed")
