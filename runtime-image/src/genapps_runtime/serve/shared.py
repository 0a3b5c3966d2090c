# SPDX-License-Identifier: Apache-2.0
"""What the connections of a listener have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

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
