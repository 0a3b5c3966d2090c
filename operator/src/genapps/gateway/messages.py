# SPDX-License-Identifier: Apache-2.0
"""What runtimes send: strict models of the three bodies (`docs/contracts/gateway-*.schema.json`).

Everything in them comes from a sandbox that may be hostile. Names of connectors and tools are not held to a pattern:
a name that cannot exist is outside the envelope like any other, and must count like one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from genapps.api.fields import Count
from genapps.api.ledger import ViolationRule
from genapps.gateway.contracts.json_text import AmbiguousJsonError, read_json

BODY_LIMIT = 256 * 1024
"""Bytes of a request body."""

_MOST_ACTIONS = 1_000_000
MOST_MILLIS_LEFT = 3_600_000
"""An hour: no tool may take longer."""

RequestId = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,128}$")]
Name = Annotated[str, Field(min_length=1, max_length=1024)]
_OF_THE_APP = ("connector", "tool", "arguments")
_ACTION: TypeAdapter[str] = TypeAdapter(RequestId, config=ConfigDict(strict=True, regex_engine="rust-regex"))


class _Message(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=to_camel, regex_engine="rust-regex"
    )


class ToolCall(_Message):
    """One step of an action asks for one tool."""

    request_id: RequestId
    """The action's id; chosen outside the sandbox or by it."""
    step: Annotated[int, Field(ge=0, le=1_000_000)]
    connector: Name
    tool: Name
    arguments: dict[str, Any]
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = ""
    """For tools that take the same call twice; empty from runtimes of before there were keys."""
    tenant: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = ""
    """Whose data the action is about, as the runtime says: a digest. Empty: the app has no tenants."""
    repeated: bool = False
    """An earlier attempt may have made this call, and nobody knows what it brought."""
    stream: bool = False
    """The answer is wanted while it comes."""
    millis_left: Annotated[int, Field(ge=0, le=MOST_MILLIS_LEFT)] = MOST_MILLIS_LEFT
    """Until the action ends, as the runtime says; runtimes of before say nothing."""


class DefectRule(StrEnum):
    """What runtimes report that counts as a defect."""

    MALFORMED_OUTPUT = "malformed_output"


class ViolationReport(_Message):
    """What a runtime saw itself, a violation or a defect; it can only add."""

    request_id: RequestId
    rule: Annotated[ViolationRule, Field(strict=False)] | Annotated[DefectRule, Field(strict=False)]
    subject: Annotated[str, Field(max_length=1024)]


class BreakerState(StrEnum):
    """The execution breaker of an app, as its runtime says."""

    OPEN = "Open"
    CLOSED = "Closed"


class CpuUse(_Message):
    """What the runtime says of the CPU of its guests."""

    wanted: Count
    """CPU milliseconds that it needs to go on; 0: it has enough, or wants none."""
    used: Count
    """CPU milliseconds since `boot` began."""
    boot: Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
    """Names this run of the runtime."""


class ActionCounts(_Message):
    """Actions since the last heartbeat that was answered: figures, which nothing is limited by."""

    actions: Annotated[int, Field(ge=0, le=_MOST_ACTIONS)]
    """All of them."""
    fallbacks: Annotated[int, Field(ge=0, le=_MOST_ACTIONS)]
    """Those that a fallback answered."""
    retries: Annotated[int, Field(ge=0, le=_MOST_ACTIONS)]
    """Those that repeated an earlier one."""


class Heartbeat(_Message):
    """Asks how the app stands, and may say how it does."""

    breaker: Annotated[BreakerState, Field(strict=False)] | None = None
    """None: this heartbeat is not about it."""
    cpu: CpuUse | None = None
    """None: as above. Whoever wants credit says it."""
    activity: ActionCounts | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a body is no such message; names the first fault and holds nothing of the body's values."""

    detail: str
    request_id: str | None = None
    """The action that it names all the same."""
    by_app: bool = False
    """Whether it is in what the app chooses. The rest of a body is the runtime's, and may be of another version."""


Message = ToolCall | ViolationReport | Heartbeat
M = TypeVar("M", ToolCall, ViolationReport, Heartbeat)


def parse(model: type[M], body: bytes) -> M | Fault:
    """The message, or what is wrong with it."""
    try:
        content = read_json(body)
    except AmbiguousJsonError as error:
        return Fault(f"the body is ambiguous: {error}")
    except ValueError:
        return Fault("the body is not JSON")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        known = {field.alias for field in model.model_fields.values()}
        place = str(first["loc"][0]) if first["loc"] else ""
        by_app = model is ToolCall and place in _OF_THE_APP
        return Fault(f"{place if place in known else 'the body'}: {first['type']}", _named_action(content), by_app)


def request_id(message: Message | Fault) -> str | None:
    """The action a message belongs to."""
    return message.request_id if isinstance(message, (ToolCall, ViolationReport, Fault)) else None


def _named_action(content: object) -> str | None:
    try:
        return _ACTION.validate_python(content.get("requestId")) if isinstance(content, dict) else None
    except ValidationError:
        return None
