# SPDX-License-Identifier: Apache-2.0
"""The tools of a connector of type Model: what apps may ask an OpenAI-compatible server for.

The schemas are an allowlist. What is not in them costs more, stores something at the provider, or lets it call others
in turn (`n`, `store`, `service_tier`, hosted tools, files by URL): it is refused, not passed on.
"""

from __future__ import annotations

from typing import Any, Final

SECONDS = 60
"""Of a tool that names no timeout: models take their time."""

MOST_TOKENS = 4096
"""Of an answer, where the Connector says nothing: the contract has a bound always."""

_TEXT: dict[str, Any] = {"type": "string"}
_NOTES: dict[str, Any] = {"type": ["array", "null"], "maxItems": 256}
"""What servers put beside a text that they wrote, and get back with it: data that nobody acts on."""
_NOTHING: dict[str, Any] = {"type": "null"}
_TOKENS: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 10_000_000}
_SAMPLING: dict[str, Any] = {
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_p": {"type": "number", "minimum": 0, "maximum": 1},
}
_FUNCTION: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 64},
        "description": _TEXT,
        "parameters": {"type": "object"},
        "strict": {"type": ["boolean", "null"]},
    },
}
_PART: dict[str, Any] = {
    "type": "object",
    "required": ["type", "text"],
    "additionalProperties": False,
    "properties": {"type": {"enum": ["text", "refusal"]}, "text": _TEXT, "refusal": _TEXT},
}
_MESSAGE: dict[str, Any] = {
    "type": "object",
    "required": ["role"],
    "additionalProperties": False,
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": {"type": ["string", "array", "null"], "items": _PART, "maxItems": 256},
        "name": {"type": "string", "maxLength": 64},
        "refusal": {"type": ["string", "null"]},
        "annotations": _NOTES,
        "audio": _NOTHING,
        "function_call": _NOTHING,
        "reasoning_content": {"type": ["string", "null"]},
        "tool_call_id": {"type": "string", "maxLength": 256},
        "tool_calls": {
            "type": ["array", "null"],
            "maxItems": 128,
            "items": {
                "type": "object",
                "required": ["id", "type", "function"],
                "additionalProperties": False,
                "properties": {
                    "id": {"type": "string", "maxLength": 256},
                    "type": {"const": "function"},
                    "function": {
                        "type": "object",
                        "required": ["name", "arguments"],
                        "additionalProperties": False,
                        "properties": {"name": {"type": "string", "maxLength": 64}, "arguments": _TEXT},
                    },
                },
            },
        },
    },
}
_CHAT: dict[str, Any] = {
    "type": "object",
    "required": ["messages"],
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string", "maxLength": 128},
        "messages": {"type": "array", "minItems": 1, "maxItems": 1024, "items": _MESSAGE},
        "max_tokens": _TOKENS,
        "max_completion_tokens": _TOKENS,
        **_SAMPLING,
        "frequency_penalty": {"type": "number", "minimum": -2, "maximum": 2},
        "presence_penalty": {"type": "number", "minimum": -2, "maximum": 2},
        "seed": {"type": "integer"},
        "stop": {"type": ["string", "array"], "items": _TEXT, "maxItems": 4},
        "reasoning_effort": {"enum": ["none", "minimal", "low", "medium", "high"]},
        "response_format": {"type": "object"},
        "tools": {
            "type": "array",
            "maxItems": 128,
            "items": {
                "type": "object",
                "required": ["type", "function"],
                "additionalProperties": False,
                "properties": {"type": {"const": "function"}, "function": _FUNCTION},
            },
        },
        "tool_choice": {"type": ["string", "object"]},
        "parallel_tool_calls": {"type": "boolean"},
    },
}
_ITEM: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["message", "function_call", "function_call_output"]},
        "role": {"enum": ["system", "developer", "user", "assistant"]},
        "content": {
            "type": ["string", "array"],
            "maxItems": 256,
            "items": {
                "type": "object",
                "required": ["type", "text"],
                "additionalProperties": False,
                "properties": {
                    "type": {"enum": ["input_text", "output_text"]},
                    "text": _TEXT,
                    "annotations": _NOTES,
                    "logprobs": _NOTES,
                },
            },
        },
        "id": {"type": "string", "maxLength": 256},
        "status": {"type": "string", "maxLength": 32},
        "call_id": {"type": "string", "maxLength": 256},
        "name": {"type": "string", "maxLength": 64},
        "arguments": _TEXT,
        "output": _TEXT,
    },
}
_RESPONSES: dict[str, Any] = {
    "type": "object",
    "required": ["input"],
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string", "maxLength": 128},
        "input": {"type": ["string", "array"], "minItems": 1, "maxItems": 1024, "items": _ITEM},
        "instructions": _TEXT,
        "max_output_tokens": _TOKENS,
        **_SAMPLING,
        "text": {"type": "object"},
        "reasoning": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"effort": {"enum": ["none", "minimal", "low", "medium", "high"]}},
        },
        "tools": {
            "type": "array",
            "maxItems": 128,
            "items": {
                "type": "object",
                "required": ["type", "name"],
                "additionalProperties": False,
                "properties": {"type": {"const": "function"}, **_FUNCTION["properties"]},
            },
        },
        "tool_choice": {"type": ["string", "object"]},
        "parallel_tool_calls": {"type": "boolean"},
    },
}
_EMBEDDINGS: dict[str, Any] = {
    "type": "object",
    "required": ["input"],
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string", "maxLength": 128},
        "input": {"type": ["string", "array"], "items": _TEXT, "minItems": 1, "maxItems": 2048},
        "dimensions": {"type": "integer", "minimum": 1, "maximum": 65_536},
        "encoding_format": {"const": "float"},
    },
}
INPUTS: Final[dict[str, dict[str, Any]]] = {"chat": _CHAT, "embeddings": _EMBEDDINGS, "responses": _RESPONSES}
"""The schemas of arguments, by the name of the tool."""
