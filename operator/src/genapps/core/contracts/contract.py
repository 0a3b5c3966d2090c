# SPDX-License-Identifier: Apache-2.0
"""The contract of a connector: what apps rely on, in a canonical form whose digest names it.

In it are the type, the models and their bound, and of each tool what a call may look like and do. Not in it is what
the platform may change at any time for every app: endpoint, credential, grants, risk, prices, caches, descriptions.
Durations are seconds and lists are sorted, so that equal promises have equal digests; what is absent is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from genapps.api import quantities
from genapps.api.connector import ConnectorSpec, IdempotencyHeader, Tool, ToolEffect
from genapps.api.digests import canonical, sha256
from genapps.api.fields import UserModel
from genapps.core.contracts.model_tools import INPUTS, MOST_TOKENS, SECONDS

TIMEOUT_SECONDS = 10
"""Of a tool that names no timeout."""
KEY_HEADER = "Idempotency-Key"
"""Of a tool with `idempotency: Key`."""


class HeaderArgument(UserModel):
    """An argument that is sent in a header."""

    argument: str
    header: str


class ToolContract(UserModel):
    """One tool of a contract. A field that a newer version wrote is refused, for it may restrict."""

    name: str
    effect: ToolEffect
    timeout_seconds: int
    method: str | None = None
    path: str | None = None
    query: tuple[str, ...] = ()
    headers: tuple[HeaderArgument, ...] = ()
    body: str | None = None
    key_header: str | None = None
    """The header that carries the key of a call; absent where repeated calls may have repeated effects."""
    stream: Literal["Lines", "Text"] | None = None
    """How the answer comes piece by piece; absent where it comes whole."""
    input: dict[str, Any] | None = None
    output: dict[str, Any] | None = None
    """Of the result; of each line, where these come piece by piece."""


class Contract(UserModel):
    """What a connector promises."""

    type: Literal["HTTP", "Model", "MCP"]
    tools: tuple[ToolContract, ...] = ()
    """Sorted by name."""
    models: tuple[str, ...] = ()
    """Sorted."""
    max_tokens: int | None = None

    def tool(self, name: str) -> ToolContract | None:
        """The tool of that name."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def document(self) -> dict[str, Any]:
        """As JSON. `Contract.model_validate` reads it again."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def contract_of(spec: ConnectorSpec) -> Contract:
    """The contract of a connector. One of type Model that names no tools has all that there are."""
    tools: Iterable[ToolContract] = map(_tool, spec.tools)
    if spec.type == "Model":
        named = {tool.name: tool for tool in spec.tools} or dict.fromkeys(INPUTS)
        tools = (_model_tool(name, tool) for name, tool in named.items())
    return Contract(
        type=spec.type,
        tools=tuple(sorted(tools, key=lambda tool: tool.name)),
        models=tuple(sorted(spec.models)),
        max_tokens=(spec.max_tokens or MOST_TOKENS) if spec.type == "Model" else None,
    )


def contract_digest(contract: Contract) -> str:
    """`sha256:<hex>` of its RFC 8785 form. Raises ValueError for what `contract_faults` refuses."""
    return sha256(canonical(contract.document()))


def key_header(tool: Tool) -> str | None:
    """The header that carries the key of a call; None where the tool takes none."""
    if isinstance(tool.idempotency, IdempotencyHeader):
        return tool.idempotency.header
    return KEY_HEADER if tool.idempotency == "Key" else None


def _tool(tool: Tool) -> ToolContract:
    return ToolContract(
        name=tool.name,
        effect=tool.effect,
        timeout_seconds=quantities.seconds(tool.timeout) if tool.timeout else TIMEOUT_SECONDS,
        method=tool.method,
        path=tool.path,
        query=tuple(sorted(tool.query)),
        headers=tuple(
            HeaderArgument(argument=argument, header=header) for argument, header in sorted(_headers(tool).items())
        ),
        body=tool.body,
        key_header=key_header(tool),
        stream=tool.stream,
        input=tool.input,
        output=tool.output,
    )


def _model_tool(name: str, said: Tool | None) -> ToolContract:
    seconds = quantities.seconds(said.timeout) if said is not None and said.timeout else SECONDS
    return ToolContract(name=name, effect="Read", timeout_seconds=seconds, input=INPUTS.get(name))


def _headers(tool: Tool) -> dict[str, str]:
    return {entry.argument: entry.header for entry in tool.headers}
