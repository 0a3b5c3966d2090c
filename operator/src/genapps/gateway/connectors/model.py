# SPDX-License-Identifier: Apache-2.0
"""Connectors of type Model: OpenAI-compatible chat completions, responses and embeddings.

The gateway chooses what costs: the model is one of the connector's, and the most tokens of an answer are set in every
request. What the answer says it used must be plausible: it is what is paid for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from genapps.api.connector import ConnectorSpec
from genapps.core.budgets.cost import Tokens
from genapps.core.contracts.contract import ToolContract
from genapps.core.contracts.model_tools import MOST_TOKENS
from genapps.core.text import plain
from genapps.gateway.connectors.exchange import (
    JSON,
    CallFailedError,
    Outcome,
    Prepared,
    arguments_invalid,
    result_invalid,
    status_failed,
)
from genapps.gateway.connectors.model_stream import MEDIA_TYPE, ModelStream
from genapps.gateway.connectors.streams import PreparedStream
from genapps.gateway.contracts.json_text import AmbiguousJsonError, read_answer
from genapps.gateway.egress.messages import OutboundRequest, OutboundResponse
from genapps.gateway.messages import ToolCall

_MOST_COUNTED = 1_000_000_000
"""What an answer says beyond this, it does not mean."""
_TEMPLATE_TOKENS = 256
"""Of the input, beside one for each byte that is sent: servers put the messages into a template of their own."""
_PATHS: Final = {"chat": "/chat/completions", "responses": "/responses", "embeddings": "/embeddings"}
_BOUNDS: Final = {"chat": ("max_tokens", "max_completion_tokens"), "responses": ("max_output_tokens",)}
"""By what names a request bounds the tokens of its answer; the first unless the app uses another."""
_COUNTS: Final = {
    "chat": ("prompt_tokens", "completion_tokens", "prompt_tokens_details"),
    "responses": ("input_tokens", "output_tokens", "input_tokens_details"),
    "embeddings": ("prompt_tokens", "", ""),
}
_CACHE_WRITTEN = ("cache_write_tokens", "cache_creation_tokens")
"""Of the input's details: not in the standard, and named differently."""


class ModelTool:
    """One tool of a model's server."""

    def __init__(self, contract: ToolContract, spec: ConnectorSpec, base_path: str) -> None:
        """`base_path` is the path of the endpoint's URL; empty: the usual /v1."""
        self._name = contract.name
        self._path = (base_path or "/v1") + _PATHS[contract.name]
        self._models = spec.models
        self._most = spec.max_tokens or MOST_TOKENS

    def prepare(self, connector: str, call: ToolCall) -> Prepared:
        """One attempt of a call. Raises CallFailedError for a model that the connector does not have."""
        request, most, content = self._request(call, JSON, {})
        return Prepared(request, lambda response: self._outcome(connector, response, most), most, content)

    @property
    def streams(self) -> bool:
        """Whether an answer can be taken while it comes."""
        return self._name != "embeddings"

    def prepare_stream(self, connector: str, call: ToolCall) -> PreparedStream:
        """One call whose answer is taken while it comes, where it `streams`. Raises as `prepare` does."""
        asked: dict[str, Any] = {"stream": True}
        if self._name == "chat":
            asked["stream_options"] = {"include_usage": True}
        request, most, content = self._request(call, MEDIA_TYPE, asked)
        answer = ModelStream(connector, self._name, most, lambda told: self._usage(connector, told, most))
        return PreparedStream(request, answer, most, content)

    def _request(
        self, call: ToolCall, accepted: str, more: Mapping[str, Any]
    ) -> tuple[OutboundRequest, Tokens, dict[str, Any]]:
        """What is sent, the most that its answer can use, and the arguments as they are sent."""
        content = {**call.arguments, "model": self._model(call.arguments), **more}
        bound = self._bounded(content)
        if self._name == "responses":
            content["store"] = False
        body = orjson.dumps(content)
        request = OutboundRequest("POST", self._path, (("accept", accepted), ("content-type", JSON)), body)
        return request, Tokens(input_tokens=len(body) + _TEMPLATE_TOKENS, output_tokens=bound), content

    def _model(self, arguments: Mapping[str, Any]) -> str:
        asked = arguments.get("model", self._models[0])
        if asked not in self._models:
            known = ", ".join(self._models)
            raise arguments_invalid(self._name, f"/model: {plain(str(asked), 64)!r} is none of {known}")
        return str(asked)

    def _bounded(self, content: dict[str, Any]) -> int:
        """Sets the most tokens of the answer; returns it."""
        names = _BOUNDS.get(self._name, ())
        if not names:
            return 0
        given = [name for name in names if name in content]
        if len(given) > 1:
            raise arguments_invalid(self._name, f"give one of {' and '.join(given)}")
        name = given[0] if given else names[0]
        content[name] = min(content.get(name, self._most), self._most)
        return int(content[name])

    def _outcome(self, connector: str, response: OutboundResponse, most: Tokens) -> Outcome:
        if response.status != 200:
            raise status_failed(connector, response.status, response.headers.get("retry-after"), wrote=False)
        try:
            value = read_answer(response.body)
        except AmbiguousJsonError as error:
            raise result_invalid(connector, f"is ambiguous: {error}") from None
        except orjson.JSONDecodeError:
            raise result_invalid(connector, "is not JSON") from None
        if not isinstance(value, dict):
            raise result_invalid(connector, "is no object")
        return Outcome(value, self._usage(connector, value.get("usage"), most))

    def _usage(self, connector: str, told: Any, most: Tokens) -> Tokens | None:
        """What the answer says it used; None: nothing, and then it counts as the most that it can have used."""
        if told is None:
            return None
        sent, got, details = _COUNTS[self._name]
        counts = told if isinstance(told, dict) else {}
        cache = counts.get(details) or {}
        cache = cache if isinstance(cache, dict) else {}
        written = next((cache[name] for name in _CACHE_WRITTEN if cache.get(name) is not None), 0)
        produced = counts.get(got, 0) if got else 0
        found: tuple[Any, ...] = (counts.get(sent), produced, cache.get("cached_tokens") or 0, written)
        if not all(type(count) is int and count >= 0 for count in found):
            raise result_invalid(connector, "does not say plausibly how many tokens it used")
        usage = Tokens(*(min(count, _MOST_COUNTED) for count in found))
        if usage.cached_tokens + usage.cache_written_tokens > usage.input_tokens:
            raise result_invalid(connector, "says that more of its input was cached than it had")
        if usage.output_tokens > most.output_tokens or usage.input_tokens > most.input_tokens:
            raise _overrun(connector, usage, most)
        return usage


def _overrun(connector: str, usage: Tokens, most: Tokens) -> CallFailedError:
    """It used more than it was allowed, or says so. All of it is booked: it may have to be paid."""
    said = f"used {usage.input_tokens} tokens of input and {usage.output_tokens} of output"
    failed = result_invalid(connector, f"{said}, and was allowed {most.input_tokens} and {most.output_tokens}")
    failed.usage = usage
    return failed
