# SPDX-License-Identifier: Apache-2.0
"""The contract in force for an app: what both its frozen contract and the connector's current one allow.

An app above Development was reviewed with a frozen contract. A withdrawal or a narrowing of the connector holds for
it at once; anything that is wider than what was reviewed waits for another review. A tool is in force when:

- both have it, and say the same of method, path, places of arguments, effect, key header and stream: a difference in
  one of these is another call than the reviewed one, and the tool is refused until the app is reviewed again;
- a call's arguments pass both inputs, and its result both outputs. So nothing has to be known about which of two
  schemas is the wider one. The shorter timeout holds.

Models are those of both, and the smaller bound of tokens holds. Of another type than the frozen contract nothing is in
force. In Development there is no frozen contract, and the current one is in force as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genapps.core.contracts.contract import Contract, ToolContract

Schema = dict[str, Any]
NO_ARGUMENTS: Schema = {"type": "object", "maxProperties": 0}
"""The input of a tool that has none."""

_SAME = ("effect", "method", "path", "query", "headers", "body", "key_header", "stream")
"""What must be equal for a tool to be the reviewed one."""


@dataclass(frozen=True, slots=True)
class ToolInForce:
    """A tool that may be called."""

    contract: ToolContract
    """How it is called: the current one, which in this is the frozen one too."""
    inputs: tuple[Schema, ...]
    """Arguments must pass all of them."""
    outputs: tuple[Schema, ...]
    """A result must pass all of them; none: any result."""
    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class ContractInForce:
    """What an app may call of a connector."""

    type: Literal["HTTP", "Model", "MCP"]
    tools: Mapping[str, ToolInForce]
    models: tuple[str, ...]
    max_tokens: int | None
    changed: Mapping[str, str]
    """Tools that both contracts have and that differ, with the field in which they do: they wait for a review."""


def in_force(frozen: Contract | None, current: Contract) -> ContractInForce:
    """What of the current contract holds for an app whose frozen contract is this one; None: it has none."""
    if frozen is None:
        frozen = current
    if frozen.type != current.type:
        changed = {tool.name: "type" for tool in current.tools if frozen.tool(tool.name) is not None}
        return ContractInForce(current.type, {}, (), 0, changed)
    pairs = [(old, new) for new in current.tools if (old := frozen.tool(new.name)) is not None]
    changed = {new.name: field for old, new in pairs if (field := _difference(old, new)) is not None}
    tools = {new.name: _both(old, new) for old, new in pairs if new.name not in changed}
    models = tuple(model for model in current.models if model in frozen.models)
    bounds = [bound for bound in (frozen.max_tokens, current.max_tokens) if bound is not None]
    return ContractInForce(current.type, tools, models, min(bounds, default=None), changed)


def _difference(old: ToolContract, new: ToolContract) -> str | None:
    return next((name for name in _SAME if getattr(old, name) != getattr(new, name)), None)


def _both(old: ToolContract, new: ToolContract) -> ToolInForce:
    outputs = [tool.output for tool in (old, new) if tool.output is not None]
    return ToolInForce(
        contract=new,
        inputs=_distinct([tool.input or NO_ARGUMENTS for tool in (old, new)]),
        outputs=_distinct(outputs),
        timeout_seconds=min(old.timeout_seconds, new.timeout_seconds),
    )


def _distinct(schemas: list[Schema]) -> tuple[Schema, ...]:
    return tuple(schema for number, schema in enumerate(schemas) if schema not in schemas[:number])
