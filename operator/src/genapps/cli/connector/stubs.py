# SPDX-License-Identifier: Apache-2.0
"""Typed stubs of a connector's tools, for whoever writes apps: people and code generators.

Equal contracts make equal text. Names and texts of the connector are quoted as the language does, and descriptions
stand in comments of one line, so that none of them can become code.
"""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from genapps.api.connector import Connector
from genapps.cli.connector.types import ANY, ListOf, Literals, MapOf, Member, Named, Scalar, Type, Types, Union, pascal
from genapps.core.contracts.contract import ToolContract, contract_digest, contract_of
from genapps.core.contracts.force import NO_ARGUMENTS
from genapps.core.text import plain

_COMMENT = 400
_PYTHON_WORDS = frozenset({"Any", "AsyncIterator", "Literal", "NotRequired", "TypedDict", "tools"}) | frozenset(
    {"bool", "dict", "float", "int", "list", "str"}
)
"""Names that the text itself uses: nothing else may be called so."""
_PYTHON = {"string": "str", "number": "float", "integer": "int", "boolean": "bool", "null": "None", "any": "Any"}
_TYPESCRIPT = {"integer": "number", "any": "unknown"}


@dataclass(frozen=True, slots=True)
class _Call:
    """A tool with its types; `result` is that of each piece, where it answers piece by piece."""

    tool: ToolContract
    arguments: Type
    result: Type
    comment: str


def stubs(connector: Connector, language: str, chosen: Sequence[str] = ()) -> str:
    """The text of a module, of the chosen tools or of all: `python`, which apps can import, or `typescript`, which
    declares what apps in JavaScript find in `env`."""
    types = Types()
    for name in _PYTHON_WORDS:
        types.unused(name)
    contract = contract_of(connector.spec)
    descriptions = {tool.name: tool.description or "" for tool in connector.spec.tools}
    calls = [
        _call(types, tool, descriptions[tool.name]) for tool in contract.tools if not chosen or tool.name in chosen
    ]
    head = f"Tools of the connector {connector.metadata.name}, by `genapps connector stubs`; do not edit."
    head = f"{head}\n{contract_digest(contract)}"
    lines = _python(connector, types, calls) if language == "python" else _typescript(connector, types, calls)
    mark = "#" if language == "python" else "//"
    return "\n".join([*(f"{mark} {line}" for line in head.splitlines()), *lines]) + "\n"


def binding_of(connector: str) -> str:
    """The name of a connector in the `env` of apps in JavaScript."""
    return connector.upper().replace("-", "_")


def _call(types: Types, tool: ToolContract, description: str) -> _Call:
    name, no_arguments = pascal(tool.name), tool.input in (None, NO_ARGUMENTS)
    arguments = MapOf(ANY) if no_arguments else types.of(tool.input or {}, f"{name}Arguments")
    result: Type = types.of(tool.output or {}, f"{name}Result")
    if tool.stream == "Text":
        result = Scalar("string")
    comment = plain(f"{tool.effect}. {description}".strip(), _COMMENT)
    return _Call(tool, arguments, result, comment)


def _python(connector: Connector, types: Types, calls: Sequence[_Call]) -> Iterator[str]:
    if any(call.tool.stream for call in calls):
        yield "from collections.abc import AsyncIterator"
    yield "from typing import Any, Literal, NotRequired, TypedDict"
    yield ""
    yield "from genapps import tools"
    for name, members in types.objects.items():
        yield from _typed_dict(name, members)
    for call in calls:
        function = call.tool.name.replace("-", "_")
        function = types.unused(f"{function}_" if keyword.iskeyword(function) else function)
        arguments, result = _written(call.arguments, _python_form), _written(call.result, _python_form)
        yield from ("", "")
        where = f"{connector.metadata.name!a}, {call.tool.name!a}"
        if call.tool.stream:
            yield f"def {function}(arguments: {arguments}) -> AsyncIterator[{result}]:"
            yield f"    # {call.comment}"
            yield f"    return tools.stream({where}, {{**arguments}})"
            continue
        yield f"async def {function}(arguments: {arguments}) -> {result}:"
        yield f"    # {call.comment}"
        yield f"    result: {result} = await tools.call({where}, {{**arguments}})"
        yield "    return result"


def _typed_dict(name: str, members: Sequence[Member]) -> Iterator[str]:
    written = [
        (member.name, form if member.required else f"NotRequired[{form}]")
        for member in members
        for form in [_written(member.type, _python_form)]
    ]
    yield from ("", "")
    if all(_is_attribute(key) for key, _ in written):
        yield f"class {name}(TypedDict):"
        yield from [f"    {key}: {form}" for key, form in written] or ["    pass"]  # no member may be there
    else:
        yield f"{name} = TypedDict("
        yield f"    {name!a},"
        yield "    {"
        yield from (f"        {key!a}: {form}," for key, form in written)
        yield "    },"
        yield ")"


def _is_attribute(name: str) -> bool:
    """Whether a class can have it as it is: names with two underscores would be changed, others hide types."""
    taken = keyword.iskeyword(name) or name.startswith("__") or name in _PYTHON_WORDS
    return name.isascii() and name.isidentifier() and not taken


def _python_form(kind: Type, written: Callable[[Type], str]) -> str:
    if isinstance(kind, Literals):
        return f"Literal[{', '.join('None' if value is None else _python_value(value) for value in kind.values)}]"
    if isinstance(kind, ListOf):
        return f"list[{written(kind.item)}]"
    if isinstance(kind, MapOf):
        return f"dict[str, {written(kind.value)}]"
    return _PYTHON.get(kind.name, kind.name) if isinstance(kind, Scalar | Named) else ""


def _python_value(value: str | int | bool) -> str:
    return ascii(value) if isinstance(value, str) else repr(value)


def _typescript(connector: Connector, types: Types, calls: Sequence[_Call]) -> Iterator[str]:
    for name, members in types.objects.items():
        yield ""
        yield f"export interface {name} {{"
        for member in members:
            mark = "" if member.required else "?"
            yield f"  {json.dumps(member.name)}{mark}: {_written(member.type, _typescript_form)};"
        yield "}"
    tools = types.unused(f"{pascal(connector.metadata.name)}Tools")
    yield ""
    yield f"export interface {tools} {{"
    for call in calls:
        arguments, result = _written(call.arguments, _typescript_form), _written(call.result, _typescript_form)
        mark = "?" if isinstance(call.arguments, MapOf) else ""
        yield f"  // {call.comment}"
        if call.tool.stream:
            yield f"  stream(tool: {json.dumps(call.tool.name)}, args{mark}: {arguments}): AsyncGenerator<{result}>;"
        else:
            yield f"  {json.dumps(call.tool.name)}(args{mark}: {arguments}): Promise<{result}>;"
    yield "}"
    yield ""
    yield f"export interface {types.unused('Env')} {{"
    yield f"  {json.dumps(binding_of(connector.metadata.name))}: {tools};"
    yield "}"


def _typescript_form(kind: Type, written: Callable[[Type], str]) -> str:
    if isinstance(kind, Literals):
        return " | ".join(json.dumps(value) for value in kind.values)
    if isinstance(kind, ListOf):
        return f"Array<{written(kind.item)}>"
    if isinstance(kind, MapOf):
        return f"Record<string, {written(kind.value)}>"
    return _TYPESCRIPT.get(kind.name, kind.name) if isinstance(kind, Scalar | Named) else ""


def _written(kind: Type, form: Callable[[Type, Callable[[Type], str]], str]) -> str:
    """A type in the syntax of a language; unions look the same in both."""
    if isinstance(kind, Union):
        return " | ".join(_written(inner, form) for inner in kind.types)
    return form(kind, lambda inner: _written(inner, form))
