# SPDX-License-Identifier: Apache-2.0
"""Passes an answer on while it comes, unless it holds what the gateway proved itself with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from typing import NamedTuple

from genapps.core.budgets.cost import Tokens
from genapps.gateway.connectors.exchange import result_invalid
from genapps.gateway.connectors.streams import StreamReader
from genapps.gateway.credentials.echo import Echo

HELD_BYTES = 1024 * 1024
"""Of pieces that come at once, or wait because they may hold a part of the credential."""
_READ_BYTES = 16 * 1024
"""Before others have their turn: they may be as many empty lines, or comments, of which no piece comes."""
_PIECES_A_TURN = 256


class Part(NamedTuple):
    """Of an answer that is passed on while it comes: pieces as JSON, and what is known of what it has used so far."""

    pieces: tuple[bytes, ...]
    usage: Tokens | None
    told: bool
    """Whether that is what the complete answer says."""


async def parts(
    connector: str, answer: StreamReader, forms: tuple[bytes, ...], arriving: AsyncIterable[bytes]
) -> AsyncGenerator[Part, None]:
    """The parts of an answer whose bytes are `arriving`; `forms` are those of the credential.

    A piece waits while what was said in them ends with the beginning of it. Raises CallFailedError.
    """
    raw, said = Echo(forms), Echo(forms)
    waiting: list[bytes] = []
    held = 0
    yield Part((), answer.usage, told=False)
    count = 0
    async for data in _sliced(arriving):
        echoed = raw.found(data)
        for piece in answer.feed(data):
            count += 1
            if count % _PIECES_A_TURN == 0:
                await asyncio.sleep(0)  # others have their turn
            echoed = said.found(piece.said.encode("utf-8", "surrogatepass")) or echoed
            waiting.append(piece.content)
            held += len(piece.content)
        if echoed:
            raise result_invalid(connector, "holds the platform's credential or token, so it was thrown away")
        if held > HELD_BYTES:
            raise result_invalid(connector, f"has more than {HELD_BYTES} bytes that cannot be passed on at once")
        if answer.over or not said.begun:
            yield Part(tuple(waiting), answer.usage, answer.told)
            waiting, held = [], 0
        if answer.over:
            return
    # The bytes of what is left have been searched already.
    left = [piece.content for piece in answer.end()]
    yield Part((*waiting, *left), answer.usage, answer.told)


async def _sliced(arriving: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    read = 0
    async for data in arriving:
        for at in range(0, len(data), _READ_BYTES):
            piece = data[at : at + _READ_BYTES]
            yield piece
            read += len(piece)
            if read >= _READ_BYTES:
                read = 0
                await asyncio.sleep(0)
