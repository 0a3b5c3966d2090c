# SPDX-License-Identifier: Apache-2.0
"""A request's body that is too long for the host to hold: it comes once, piece by piece, while the app takes it."""

import base64
from typing import Any

from genapps.calls import Call, ToolError
from genapps.errors import BodyTooLongError


class LongBody:
    """The body. A sender waits while nobody takes the next piece."""

    def __init__(self) -> None:
        self._taken = 0
        self._over = False

    async def piece(self) -> bytes | None:
        """The next piece, of at most 64 KiB; None after the last one.

        Raises RuntimeError when two tasks read it at once, or one was cancelled while it held a piece.
        """
        if self._over:
            return None
        try:
            piece = await Call("body", {"chunk": self._taken})
        except ToolError as error:
            raise RuntimeError(error.detail) from None
        self._taken += 1
        self._over = piece is None
        return None if piece is None else decoded(piece)

    def begin(self) -> None:
        """It is read from its beginning, or raises RuntimeError."""
        if self._taken:
            raise RuntimeError("a long body comes once, and this one has been read already")


def too_long() -> BodyTooLongError:
    """What an app ends with that wants such a body as a whole."""
    advice = "the app takes longer ones piece by piece, by `async for piece in request.stream()`"
    return BodyTooLongError(f"the body is too long to be taken as a whole; {advice}")


def decoded(piece: dict[str, Any]) -> bytes:
    """A piece of a body as the host gives it."""
    if "text" in piece:
        return str(piece["text"]).encode()
    return base64.b64decode(piece["base64"])
