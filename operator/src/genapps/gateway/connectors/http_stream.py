# SPDX-License-Identifier: Apache-2.0
"""Answers of type HTTP while they come: lines of JSON, each held to the contract, or text."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

import orjson

from genapps.core.budgets.cost import Tokens
from genapps.gateway.connectors.exchange import result_invalid, unchecked
from genapps.gateway.connectors.streams import PIECE_BYTES, Piece
from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.contracts.json_text import AmbiguousJsonError, read_answer

LINES = "application/x-ndjson"
TEXT = "text/*"
MOST_LINES = 500_000
"""Of one answer, empty ones included."""
TEXT_CHARACTERS = 10_000
"""Of one piece: as JSON they have 6 bytes each at most."""
_OF_LINES = frozenset(
    {LINES, "application/ndjson", "application/jsonl", "application/jsonlines", "application/x-jsonlines"}
)


class _Stream:
    """What both have: no tokens, and an end where the body ends."""

    usage: Tokens | None = None
    told = False
    over = False

    def __init__(self, connector: str) -> None:
        self._connector = connector


class LineStream(_Stream):
    """Each line is a JSON value. `fault` says why one breaks the contract."""

    def __init__(self, connector: str, tool: str, fault: Callable[[object], str | None]) -> None:
        super().__init__(connector)
        self._tool = tool
        self._fault = fault
        self._rest = bytearray()
        self._count = 0

    def begin(self, media_type: str) -> None:
        """Whether it says that it is lines of JSON."""
        if media_type.partition(";")[0].strip().lower() not in _OF_LINES:
            raise result_invalid(self._connector, f"is no lines of JSON ({LINES})")

    def feed(self, data: bytes) -> Iterator[Piece]:
        """A piece for each line that ends here."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._rest += line
            yield from self._piece()
        self._rest += rest
        self._bounded()

    def end(self) -> Iterator[Piece]:
        """The last line, where nothing ends it."""
        yield from self._piece()

    def _piece(self) -> Iterator[Piece]:
        self._bounded()
        line = bytes(self._rest).strip()
        self._rest.clear()
        self._count += 1
        if self._count > MOST_LINES:
            raise result_invalid(self._connector, f"has more than {MOST_LINES} lines")
        if line:
            yield Piece(self._encoded(line), "")

    def _encoded(self, line: bytes) -> bytes:
        try:
            value = read_answer(line)
            fault = self._fault(value)
        except AmbiguousJsonError as error:
            raise result_invalid(self._connector, f"is ambiguous: {error}") from None
        except orjson.JSONDecodeError:
            raise result_invalid(self._connector, "has a line that is not JSON") from None
        except CheckFailedError as error:
            raise unchecked(self._connector, error) from error
        if fault is not None:
            why = f"has a line that breaks the contract of '{self._tool}': {fault}"
            raise result_invalid(self._connector, why)
        content = orjson.dumps(value)  # of few levels now: of many it has no such form
        if len(content) > PIECE_BYTES:
            raise self._too_long()
        return content

    def _bounded(self) -> None:
        if len(self._rest) > PIECE_BYTES:
            raise self._too_long()

    def _too_long(self) -> Exception:
        return result_invalid(self._connector, f"has a line of more than {PIECE_BYTES} bytes")


class TextStream(_Stream):
    """Text in UTF-8, in pieces that may end anywhere but within a character."""

    def __init__(self, connector: str) -> None:
        super().__init__(connector)
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def begin(self, media_type: str) -> None:
        """Whether it says that it is text."""
        kind, _, parameters = media_type.lower().partition(";")
        charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
        if not kind.strip().startswith("text/") or charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise result_invalid(self._connector, "is not text in UTF-8")

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The text that the bytes complete."""
        yield from self._pieces(data, last=False)

    def end(self) -> Iterator[Piece]:
        """Nothing, unless it ends within a character: then it is no text."""
        yield from self._pieces(b"", last=True)

    def _pieces(self, data: bytes, *, last: bool) -> Iterator[Piece]:
        try:
            text = self._decoder.decode(data, last)
        except UnicodeDecodeError:
            raise result_invalid(self._connector, "is not text in UTF-8") from None
        for at in range(0, len(text), TEXT_CHARACTERS):
            piece = text[at : at + TEXT_CHARACTERS]
            yield Piece(orjson.dumps(piece), piece)
