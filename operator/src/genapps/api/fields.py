# SPDX-License-Identifier: Apache-2.0
"""What the kinds are made of: model classes, field types, and rules for API server and Python alike."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from genapps.api import quantities

RULES = "x-kubernetes-validations"
SCHEMA_DEFAULT = "x-genapps-default"
"""Marks a field whose default is written into the CRD."""
INT_OR_STRING = "x-kubernetes-int-or-string"
SET = {"x-kubernetes-list-type": "set"}
"""A list without order and repetition."""
SCHEMA = "x-genapps-schema"
"""Holds the schema of a field for the CRD, where it cannot be derived."""


class UserModel(BaseModel):
    """Written by people: a field that we do not know is refused, never ignored."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class OwnModel(BaseModel):
    """Written by our own processes: fields of a newer version are ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class ObjectMeta(OwnModel):
    """The part of an object's metadata that decisions rest on."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: AwareDatetime | None = None
    deletion_timestamp: AwareDatetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule of the CRD; `message` names the way out. Where it matters the model checks it again."""

    expression: str
    message: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        return schema | {RULES: [*schema.get(RULES, []), self.wire()]}

    def wire(self) -> dict[str, str]:
        """As it stands in the CRD."""
        return {"rule": self.expression, "message": self.message}


_SECONDS = (
    "((self.contains('d') ? int(self.substring(0, self.indexOf('d'))) * 86400 : 0)"
    " + (self.endsWith('d') ? 0 : duration(self.substring(self.indexOf('d') + 1)).getSeconds()))"
)
"""CEL knows durations of hours at most: days are counted apart."""

NAME_RULE = (
    "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",
    "metadata.name: use at most 63 lower-case letters, digits and '-', starting and ending with a letter or digit",
)
"""Names go into label values and DNS labels, which are shorter than the names that CRDs allow."""


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """`json_schema_extra` of a model with CEL rules of its own, as pairs of expression and message."""
    return {RULES: [Rule(*pair).wire() for pair in pairs]}


@dataclass(frozen=True, slots=True)
class Within:
    """Bounds of a string that stands for a number, checked by the API server and by the model."""

    low: str
    high: str
    parse: Callable[[str], int]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return Rule(self._expression(), self._message()).__get_pydantic_json_schema__(core, handler)

    def _check(self, text: str) -> str:
        if not self.parse(self.low) <= self.parse(text) <= self.parse(self.high):
            raise ValueError(self._message())
        return text

    def _message(self) -> str:
        return f"must be between {self.low} and {self.high}"

    def _expression(self) -> str:
        # A string of another form has its own message, hence the guard.
        guard, seconds = f"!self.matches('{quantities.DURATION_PATTERN}')", _SECONDS
        return f"{guard} || ({seconds} >= {self.parse(self.low)} && {seconds} <= {self.parse(self.high)})"


@dataclass(frozen=True, slots=True)
class Form:
    """A pattern whose message says what to write; checked by the API server and by the model.

    It becomes a string of CEL, so backslashes and apostrophes are refused: `[.]` stands for a dot. Raises ValueError.
    """

    pattern: str
    message: str

    def __post_init__(self) -> None:
        if {"\\", "'"} & set(self.pattern):
            raise ValueError(f"{self.pattern} cannot stand in a string of CEL")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        rule = Rule(f"self.matches('{self.pattern}')", self.message)
        return rule.__get_pydantic_json_schema__(core, handler) | {"pattern": self.pattern}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(self.message)
        return text


@dataclass(frozen=True, slots=True)
class Quantity:
    """A `resource.Quantity` within bounds, written as a number or as a string; kept as the string that was written.

    The rules look clumsy because the API server takes a value that may be number or string for as large as a whole
    request when it estimates what a rule costs: each rule reads it once.
    """

    parse: Callable[[str], int]
    """To whole units: bytes, or thousandths of a core."""
    unit: int
    """What the number 1 is in them."""
    low: str
    high: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = {name: part for name, part in handler(core).items() if name != "type"}
        return {**schema, INT_OR_STRING: True, RULES: [rule.wire() for rule in self._rules()]}

    def _rules(self) -> tuple[Rule, ...]:
        low, high = -(-self.parse(self.low) // self.unit), self.parse(self.high) // self.unit
        read = f"quantity('{self.low}').compareTo(q) <= 0 && quantity('{self.high}').compareTo(q) >= 0"
        within = f"type(self) == int ? self >= {low} && self <= {high} : [quantity(self)].all(q, {read})"
        return Rule("type(self) == int || isQuantity(self)", self.message), Rule(within, self._bounds())

    def _bounds(self) -> str:
        return f"must be between {self.low} and {self.high}"

    def _check(self, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(self.message)  # noqa: TRY004  pydantic reports a ValueError
        if not self.parse(self.low) <= self.parse(str(value)) <= self.parse(self.high):
            raise ValueError(self._bounds())
        return str(value)


def defaulted(value: Any, **limits: Any) -> Any:
    """A field whose default the API server writes into the object (all other defaults live in code only)."""
    return Field(default=value, json_schema_extra={SCHEMA_DEFAULT: True}, **limits)


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and `Z`, so that equal moments are equal strings."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]

_LABEL_FORM = "write a name of lower-case letters, digits and '-', starting and ending with a letter or digit"
_VALUE_FORM = "write letters, digits, '-', '_' and '.', starting and ending with a letter or digit"

DnsLabel = Annotated[str, Field(min_length=1, max_length=63), Form("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", _LABEL_FORM)]
ObjectName = Annotated[
    str, Field(min_length=1, max_length=253), Form("^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", f"{_LABEL_FORM}, or with '.'")
]
LabelValue = Annotated[
    str, Field(min_length=1, max_length=63), Form("^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", _VALUE_FORM)
]
Key = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Form("^[-._a-zA-Z0-9]+$", "write a key of a ConfigMap or Secret: letters, digits, '-', '_' and '.'"),
]
Digest = Annotated[
    str,
    Field(max_length=71),
    Form("^sha256:[0-9a-f]{64}$", "write sha256: and 64 lower-case hex characters (genapps digest PATH prints them)"),
]
Duration = Annotated[str, Field(max_length=20), Form(quantities.DURATION_PATTERN, quantities.DURATION_FORM)]
Latency = Annotated[str, Field(max_length=9), Form(quantities.LATENCY_PATTERN, quantities.LATENCY_FORM)]
LARGEST = 2**53 - 1
"""The largest number that every reader of JSON reads exactly."""
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Money = Annotated[str, Field(max_length=16), Form(quantities.MONEY_PATTERN, quantities.MONEY_FORM)]
HttpsUrl = Annotated[
    str,
    Field(max_length=2048),
    Form("^https://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[!-~]*)?$", "write an https:// address"),
]
HeaderName = Annotated[
    str, Field(max_length=64), Form("^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$", "write the name of an HTTP header")
]


def duration_within(low: str, high: str) -> Within:
    """Bounds of a Duration, both included."""
    return Within(low, high, quantities.seconds)


NapAfter = Annotated[Duration, duration_within("0s", "24h")]
"""0s: never."""


def memory_within(low: str, high: str) -> Quantity:
    """A size within bounds, both included."""
    return Quantity(quantities.byte_count, 1, low, high, quantities.MEMORY_FORM)


def cpu_within(low: str, high: str) -> Quantity:
    """An amount of CPU within bounds, both included."""
    return Quantity(quantities.millicores, 1000, low, high, quantities.CPU_FORM)
