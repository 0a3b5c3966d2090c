# SPDX-License-Identifier: Apache-2.0
"""Where the arguments of an HTTP tool go. The rule, for each argument, in this order:

1. its name stands in the path template: into the path, percent-encoded, inside its segment;
2. it is in `query`: into the query;
3. it is in `headers`: into that header;
4. it is the tool's `body`: its value is the JSON body;
5. else it is one of the rest: into the query for GET, HEAD and DELETE, and for POST, PUT and PATCH it is a member of
   the JSON body. These have a body always, `{}` when there is no rest, unless `body` names one that is absent.

In a query an array is its name repeated, in the order of its elements; a value that is null is left out. The order of
a query is that of the arguments' names, so that equal arguments make equal requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from genapps.core.contracts.contract import ToolContract
from genapps.core.contracts.paths import PathArgumentError, PathTemplate, scalar_text
from genapps.core.contracts.pointers import ContractFault, pointer

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
"""The methods whose rest is a JSON body."""
TARGET_CHARACTERS = 8 * 1024
"""Of path and query, encoded."""
HEADER_CHARACTERS = 1024
"""Of a value in a header."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The parts of a request that arguments make."""

    target: str
    """Path and query, percent-encoded; starts with /."""
    headers: tuple[tuple[str, str], ...]
    body: Any
    """The JSON value of the body, where there is one."""
    has_body: bool


class ArgumentPlacer:
    """The rule for one tool of type HTTP; its path template is parsed once."""

    def __init__(self, tool: ToolContract) -> None:
        """Raises TemplateError for what `contract_faults` refuses."""
        self._template = PathTemplate.parse(tool.path or "")
        self._in_path = frozenset(self._template.parameters)
        self._in_query = frozenset(tool.query)
        self._in_header = {entry.argument: entry.header for entry in tool.headers}
        self._body = tool.body
        self._takes_body = tool.method in BODY_METHODS

    def place(self, arguments: Mapping[str, Any]) -> Placement | ContractFault:
        """The parts of the request, or the argument that cannot stand where it goes, as a fault of the arguments."""
        query: list[str] = []
        headers: list[tuple[str, str]] = []
        rest: dict[str, Any] = {}
        try:
            target = self._template.expand(arguments)
            for name in sorted(arguments.keys() - self._in_path):
                if name in self._in_header:
                    headers.extend(_header(self._in_header[name], name, arguments[name]))
                elif name in self._in_query or not (self._takes_body or name == self._body):
                    query.extend(_query(name, arguments[name]))
                else:
                    rest[name] = arguments[name]
        except PathArgumentError as error:
            return ContractFault(pointer([error.argument]), error.problem)
        if query:
            target += "?" + "&".join(query)
        if len(target) > TARGET_CHARACTERS:
            return ContractFault("", f"path and query would have more than {TARGET_CHARACTERS} characters")
        if self._body is None:
            return Placement(target, tuple(headers), rest, has_body=self._takes_body)
        if unplaced := sorted(rest.keys() - {self._body}):
            return ContractFault(pointer(unplaced[:1]), f"has no place: the body is the argument '{self._body}'")
        return Placement(target, tuple(headers), rest.get(self._body), has_body=self._body in rest)


def _query(name: str, value: object) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if item is None:
            continue
        text = scalar_text(item)
        if text is None:
            raise PathArgumentError(name, "stands in the query and must be a scalar or a list of scalars")
        yield f"{quote(name, safe='')}={quote(text, safe='')}"


def _header(header: str, name: str, value: object) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    text = scalar_text(value)
    if text is None or len(text) > HEADER_CHARACTERS or not (text.isascii() and text.isprintable()):
        problem = f"stands in a header and must be a scalar of at most {HEADER_CHARACTERS} printable ASCII characters"
        raise PathArgumentError(name, problem)
    yield header, text.strip()
