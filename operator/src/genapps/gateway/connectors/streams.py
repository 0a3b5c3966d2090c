# SPDX-License-Identifier: Apache-2.0
"""What types of connectors share whose answers are passed on while they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from genapps.core.budgets.cost import Tokens
from genapps.gateway.egress.messages import OutboundRequest
from genapps.gateway.messages import ToolCall

PIECE_BYTES = 64 * 1024
"""Of one piece as JSON."""


class Piece(NamedTuple):
    """What the app gets at once, as JSON, and the text that goes on in the next one: a credential may lie across."""

    content: bytes
    said: str


class StreamReader(Protocol):
    """Reads one answer. Its methods raise CallFailedError."""

    usage: Tokens | None
    """What is known of what it used; None: it uses no tokens."""
    told: bool
    """Whether that is what the complete answer says."""
    over: bool
    """Whether it is complete. What follows does not belong to it."""

    def begin(self, media_type: str) -> None:
        """The answer has this media type."""

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that the next bytes complete."""

    def end(self) -> Iterator[Piece]:
        """No more bytes come: what is left of it, if it may end here."""


class PreparedStream(NamedTuple):
    """What is sent, and what reads the answer while it comes. `most` and `completed` are as for `Prepared`."""

    request: OutboundRequest
    answer: StreamReader
    most: Tokens
    completed: Mapping[str, Any] | None = None


class StreamedTool(Protocol):
    """A tool whose answer can be taken while it comes."""

    def prepare_stream(self, connector: str, call: ToolCall) -> PreparedStream:
        """One such call. Raises CallFailedError for arguments that make none."""
