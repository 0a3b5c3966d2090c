# SPDX-License-Identifier: Apache-2.0
"""Recognises a credential in an answer that comes in pieces, also where it lies across their borders."""

from __future__ import annotations

SHORTEST = 6
"""Characters: a shorter credential, or beginning of one, is in every other answer by chance."""


class Echo:
    """One flow of bytes. `forms` are how the credential may stand in it, each of SHORTEST bytes at least."""

    def __init__(self, forms: tuple[bytes, ...]) -> None:
        self._forms = forms
        self._kept = max(map(len, forms), default=1) - 1
        self._tail = b""

    def found(self, data: bytes) -> bool:
        """Whether the credential ends in these next bytes."""
        if not self._forms:
            return False
        seen = self._tail + data
        self._tail = seen[-self._kept :]
        return any(form in seen for form in self._forms)

    @property
    def begun(self) -> bool:
        """Whether what has come ends with the beginning of the credential."""
        return any(self._begins(form) for form in self._forms)

    def _begins(self, form: bytes) -> bool:
        first = form[:SHORTEST]
        at = self._tail.find(first)
        while at >= 0:
            if form.startswith(self._tail[at:]):
                return True
            at = self._tail.find(first, at + 1)
        return False
