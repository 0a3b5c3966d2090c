# SPDX-License-Identifier: Apache-2.0
"""The file with answers of connectors that are not there: strict, bounded, and refused with the line."""

# connectors:
#   fx-rates:
#     latest:
#       effect: Read
#       cases:
#         - arguments: {currency: EUR}
#           result: {rate: 1.08}
#         - problem: {code: UpstreamFailed, detail: The bank is closed., retryAfter: 60}
#           delayMillis: 40

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from genapps.api.connector import ToolEffect
from genapps.api.digests import canonical
from genapps.api.fields import DnsLabel, UserModel
from genapps.cli.check.documents import Document, UnreadableError, parse
from genapps.cli.check.findings import dotted
from genapps.gateway.problems import MEANINGS, Code, Problem
from genapps.laptop.named import SourceError

FILE_BYTES = 1024 * 1024
CASES = 1_000
LONGEST_MILLIS = 600_000
_PIECES = 10_000
_SHOWN = 5
VALUE_ERROR = "Value error, "


class StubProblem(UserModel):
    """A refusal, by its code."""

    code: Code
    """One of those of the gateway."""
    detail: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """What apps are told. Absent: what the code means."""
    retry_after: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Seconds. Absent: trying again does not help."""

    def problem(self) -> Problem:
        """As the gateway answers."""
        return Problem(self.code, self.detail or f"{MEANINGS[self.code].title}.", self.retry_after)


class Answer(UserModel):
    """What a call brings: one of result, pieces and problem."""

    result: Any = None
    """Any JSON value."""
    pieces: Annotated[tuple[Any, ...], Field(max_length=_PIECES)] | None = None
    """Of an answer that comes piece by piece."""
    problem: StubProblem | None = None
    """Why there is none."""
    delay_millis: Annotated[int, Field(ge=0, le=LONGEST_MILLIS)] = 0
    """How long it takes."""

    @property
    def given(self) -> frozenset[str]:
        """Which of the three there are."""
        return frozenset(self.model_fields_set & {"result", "pieces", "problem"})


class Case(Answer):
    """An answer to some calls."""

    arguments: dict[str, Any] | None = None
    """Of exactly these arguments. Absent: of any."""

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if len(self.given) != 1:
            msg = "give one of result, pieces and problem"
            raise ValueError(msg)
        return self

    def fits(self, arguments: Mapping[str, Any]) -> bool:
        """Whether it answers a call with these arguments."""
        return self.arguments is None or canonical(self.arguments) == canonical(arguments)


class StubTool(Answer):
    """A tool: one answer to every call, or cases, of which the first that fits answers."""

    effect: ToolEffect | None = None
    """Where no manifest says it. Absent: Write."""
    cases: Annotated[tuple[Case, ...], Field(min_length=1, max_length=CASES)] | None = None
    """Tried in their order."""

    @model_validator(mode="after")
    def _cases_or_answer(self) -> Self:
        if len(self.given) + (self.cases is not None) != 1:
            msg = "give cases, or one of result, pieces and problem"
            raise ValueError(msg)
        return self

    def answer(self, arguments: Mapping[str, Any]) -> tuple[Answer, int] | None:
        """What a call brings, and after how many milliseconds; None: no case fits."""
        if self.cases is None:
            return self, self.delay_millis
        case = next((one for one in self.cases if one.fits(arguments)), None)
        return None if case is None else (case, case.delay_millis or self.delay_millis)


class Stubs(UserModel):
    """The file."""

    connectors: Annotated[
        dict[DnsLabel, Annotated[dict[str, StubTool], Field(max_length=64)]], Field(max_length=32)
    ] = Field(default_factory=dict)
    """The tools of each connector, by name."""

    def tool(self, connector: str, tool: str) -> StubTool | None:
        """The stub of a tool."""
        return self.connectors.get(connector, {}).get(tool)


def read_stubs(path: Path) -> Stubs:
    """The stubs of a file. Raises SourceError, which names line and field."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
        if len(content) > FILE_BYTES:
            raise SourceError(f"{path}: has more than {FILE_BYTES} bytes")
        found = parse(str(path), content)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnreadableError as error:
        raise SourceError(str(error)) from None
    if len(found) != 1 or not isinstance(found[0].value, dict):
        raise SourceError(f"{path}: must be one document with a map, which begins with connectors:")
    (document,) = found
    if document.repeated:
        repeated = document.repeated[0]
        raise SourceError(f"{path}:{document.line(repeated)}: {dotted(repeated)}: given twice")
    try:
        return Stubs.model_validate(document.value)
    except ValidationError as error:
        raise SourceError("\n".join(_faults(path, document, error))) from None


def _faults(path: Path, document: Document, error: ValidationError) -> list[str]:
    return [
        f"{path}:{document.line(fault['loc'])}: {dotted(fault['loc'])}: {fault['msg'].removeprefix(VALUE_ERROR)}"
        for fault in error.errors(include_url=False, include_input=False)[:_SHOWN]
    ]
