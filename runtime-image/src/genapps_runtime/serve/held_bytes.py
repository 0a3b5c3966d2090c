# SPDX-License-Identifier: Apache-2.0
"""The account of what callers make this process hold."""


class HeldBytes:
    """Bytes of all connections together. Each connection takes, and gives back what it took."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.held = 0
        self.limit = limit

    def fits(self, size: int) -> bool:
        """Whether `size` bytes more may be taken."""
        return self.held + size <= self.limit

    def leaves_half(self, size: int) -> bool:
        """Whether half of all is free when `size` bytes more are taken."""
        return self.held + size <= self.limit // 2

    def take(self, size: int) -> None:
        """Count `size` bytes that are there, also beyond the limit."""
        self.held += size

    def give(self, size: int) -> None:
        """They are gone."""
        self.held -= size
