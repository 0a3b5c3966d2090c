# SPDX-License-Identifier: Apache-2.0
"""Connectors of type HTTP: the arguments go where the tool's contract puts them, and JSON or text comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from genapps.core.budgets.cost import NO_TOKENS
from genapps.core.contracts.contract import ToolContract
from genapps.core.contracts.placement import ArgumentPlacer
from genapps.core.contracts.pointers import ContractFault
from genapps.gateway.connectors.exchange import (
    JSON,
    Outcome,
    Prepared,
    arguments_invalid,
    result_invalid,
    status_failed,
)
from genapps.gateway.connectors.http_stream import LINES, TEXT, LineStream, TextStream
from genapps.gateway.connectors.streams import PreparedStream, StreamReader
from genapps.gateway.contracts.json_text import AmbiguousJsonError, read_answer
from genapps.gateway.contracts.wording import fault_text
from genapps.gateway.egress.messages import OutboundRequest, OutboundResponse
from genapps.gateway.messages import ToolCall


class HttpTool:
    """One tool; what its path template says is read once."""

    def __init__(self, contract: ToolContract, base_path: str, fault: Callable[[object], str | None]) -> None:
        """`base_path` stands before the tool's path, `fault` says why a line of an answer breaks the contract. Raises
        TemplateError for what `contract_faults` refuses."""
        self._contract = contract
        self._fault = fault
        self._base_path = base_path
        self._placer = ArgumentPlacer(contract)

    def prepare(self, connector: str, call: ToolCall) -> Prepared:
        """One attempt of a call. Raises CallFailedError for arguments that make none."""
        request = self.request(call.arguments, call.key)
        return Prepared(request, lambda response: Outcome(self.result(connector, response)))

    @property
    def streams(self) -> bool:
        """Whether an answer is taken while it comes."""
        return self._contract.stream is not None

    def prepare_stream(self, connector: str, call: ToolCall) -> PreparedStream:
        """One call whose answer is taken while it comes. Raises as `prepare` does."""
        if self._contract.stream == "Lines":
            accepted, name = LINES, self._contract.name
            reader: StreamReader = LineStream(connector, name, self._fault)
        else:
            accepted, reader = TEXT, TextStream(connector)
        return PreparedStream(self.request(call.arguments, call.key, accepted), reader, NO_TOKENS)

    def request(self, arguments: Mapping[str, Any], key: str, accepted: str = JSON) -> OutboundRequest:
        """The request of one call. Raises CallFailedError for arguments that make none."""
        placed = self._placer.place(arguments)
        if isinstance(placed, ContractFault):
            raise arguments_invalid(self._contract.name, fault_text(placed))
        headers = [("accept", accepted), *placed.headers]
        if key and self._contract.key_header:
            headers.append((self._contract.key_header, key))
        body = b""
        if placed.has_body:
            headers.append(("content-type", JSON))
            body = orjson.dumps(placed.body)
        return OutboundRequest(self._contract.method or "GET", self._base_path + placed.target, tuple(headers), body)

    def result(self, connector: str, response: OutboundResponse) -> Any:
        """What the app gets: the JSON of a success, text as a string, nothing as null. Raises CallFailedError."""
        if not 200 <= response.status < 300:
            wrote = self._contract.effect == "Write"
            raise status_failed(connector, response.status, response.headers.get("retry-after"), wrote=wrote)
        if not response.body or self._contract.method == "HEAD":
            return None
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == JSON or media_type.endswith("+json"):
            try:
                return read_answer(response.body)
            except AmbiguousJsonError as error:
                raise result_invalid(connector, f"is ambiguous: {error}") from None
            except orjson.JSONDecodeError:
                raise result_invalid(connector, "is not JSON") from None
        if media_type.startswith("text/"):
            try:
                return response.body.decode("utf-8")
            except UnicodeDecodeError:
                raise result_invalid(connector, "is not text in UTF-8") from None
        raise result_invalid(connector, "is neither JSON nor text")
