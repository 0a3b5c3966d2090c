# SPDX-License-Identifier: Apache-2.0
"""Guests to be dropped, and actions that their guests are to forget: noted at any time, done between calls only."""

from collections.abc import Callable

from genapps_runtime.guest.instance import Guest


class Leaving:
    """What waits until no guest is being called. `released` is called when guests have been dropped."""

    def __init__(self, released: Callable[[], None]) -> None:
        self._released = released
        self.dropped: list[Guest] = []
        """Guests whose word counts for nothing any more."""
        self.cancelled: list[tuple[Guest, int]] = []
        """Guests, and the numbers of the actions that they are to forget."""

    def drop(self, guest: Guest) -> None:
        """The guest is not used any more."""
        if guest not in self.dropped:
            self.dropped.append(guest)

    def clean_up(self) -> None:
        """What needs a call of the guest, or ends it. Never runs inside a call."""
        dropped, self.dropped = self.dropped, []
        for guest in dropped:
            guest.drop()
        if dropped:
            self._released()
        cancelled, self.cancelled = self.cancelled, []
        for guest, number in cancelled:
            if guest.computing:
                self.cancelled.append((guest, number))
            else:
                guest.cancel(number)
