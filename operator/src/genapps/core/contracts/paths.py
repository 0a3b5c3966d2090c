# SPDX-License-Identifier: Apache-2.0
"""Path templates: `/v1/{currency}`. What an argument puts into a path stays inside its segment.

A value that a server may read as another path is refused, also where it is one only after decoding: an empty segment,
`.` and `..` (also before a `;`), a slash, a backslash, a control character, and what looks percent-encoded already.
Wide and other forms of these characters count as the plain ones (NFKC).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,62})\}")
_LITERAL = re.compile(r"(?:[-A-Za-z0-9._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*")
_UNSAFE_ESCAPES = re.compile(r"%(?:2e|2f|5c|[01][0-9a-f]|7f)", re.IGNORECASE)
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]")

Scalar = str | int | float | bool


class TemplateError(ValueError):
    """The text is no path template; says why."""


class PathArgumentError(ValueError):
    """An argument cannot stand in the path."""

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(problem)
        self.argument = argument
        self.problem = problem


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path with arguments in braces, by segment: literal text and parameter names by turns, text first and last."""

    segments: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, text: str) -> PathTemplate:
        """Raises TemplateError."""
        if not text.startswith("/"):
            raise TemplateError("a path begins with /")
        if "?" in text or "#" in text:
            raise TemplateError("a path has no query and no fragment; arguments go there by spec.tools[].query")
        segments = tuple(_segment(part) for part in text[1:].split("/"))
        if any(segment == ("",) for segment in segments[:-1]):
            raise TemplateError("a segment is empty")
        template = cls(segments)
        if len(set(template.parameters)) < len(template.parameters):
            raise TemplateError("a name stands in it twice")
        return template

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the arguments, in their order."""
        return tuple(name for segment in self.segments for name in segment[1::2])

    def expand(self, arguments: Mapping[str, object]) -> str:
        """The path, percent-encoded. Raises PathArgumentError."""
        return "/" + "/".join(_expanded(segment, arguments) for segment in self.segments)


def scalar_text(value: object) -> str | None:
    """How a scalar is written in a path, a query or a header; None for what is no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value) if value.is_integer() else value)
    return str(value) if isinstance(value, str | int) else None


def _segment(part: str) -> tuple[str, ...]:
    pieces = tuple(_PARAMETER.split(part))
    for literal in pieces[::2]:
        if "{" in literal or "}" in literal:
            raise TemplateError("a parameter is {name}: letters, digits, '-' and '_'")
        if not _LITERAL.fullmatch(literal):
            raise TemplateError("a path holds letters, digits and -._~!$&'()*+,;=:@ or %XX")
        if _UNSAFE_ESCAPES.search(literal):
            raise TemplateError("an encoded dot, slash, backslash or control character stands in it")
    if len(pieces) == 1 and _is_dots(part):
        raise TemplateError("a segment is . or ..")
    return pieces


def _expanded(segment: tuple[str, ...], arguments: Mapping[str, object]) -> str:
    if len(segment) == 1:
        return segment[0]
    values = [_value(name, arguments) for name in segment[1::2]]
    whole = segment[0] + "".join(value + literal for value, literal in zip(values, segment[2::2], strict=True))
    if not whole or _is_dots(_folded(whole)):
        raise PathArgumentError(segment[1], "makes a segment of the path that is empty, . or ..")
    encoded = [quote(value, safe="") for value in values]
    return segment[0] + "".join(value + literal for value, literal in zip(encoded, segment[2::2], strict=True))


def _value(name: str, arguments: Mapping[str, object]) -> str:
    if name not in arguments:
        raise PathArgumentError(name, "is missing, and the path needs it")
    value = scalar_text(arguments[name])
    if value is None:
        raise PathArgumentError(name, "stands in the path and must be a string, a number or a boolean")
    if _CONTROL.search(_folded(value)) or _ESCAPED.search(value):
        raise PathArgumentError(name, "stands in the path: no slash, backslash, control character or %XX")
    return value


def _folded(value: str) -> str:
    """As servers that take wide and other forms of a character for the plain one would read it."""
    return value if value.isascii() else unicodedata.normalize("NFKC", value)


def _is_dots(segment: str) -> bool:
    return segment.partition(";")[0] in {".", ".."}
