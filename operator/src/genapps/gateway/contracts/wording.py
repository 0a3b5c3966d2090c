# SPDX-License-Identifier: Apache-2.0
"""Why a value does not fit: what the contract asks for, in few words. Nothing of the value but the names of members.

A model repairs its call from this text, so it says what to send; it may be shown to anybody, so values stay out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs
import orjson

from genapps.core.contracts.pointers import ContractFault, pointer
from genapps.core.text import plain

FAULT_CHARACTERS = 200
"""Of a whole fault, pointer and problem."""
_NAME = 40
_LISTED = 70


def fault_text(fault: ContractFault) -> str:
    """A fault as one harmless line of at most 200 characters."""
    return plain(str(fault), FAULT_CHARACTERS)


def fault_of(error: jsonschema_rs.ValidationError) -> ContractFault:
    """The fault that an error of the engine tells."""
    kind = error.kind
    say = _PROBLEMS.get(type(kind).__name__, lambda _: f"does not fit {plain(kind.name, _NAME)}")
    return ContractFault(pointer(error.instance_path), say(kind))


def _listed(values: list[Any]) -> str:
    return plain(", ".join(orjson.dumps(value).decode() for value in values), _LISTED)


def _number(word: str) -> Callable[[Any], str]:
    return lambda kind: f"must be {word} {kind.limit}"


def _count(word: str, things: str) -> Callable[[Any], str]:
    return lambda kind: f"must have {word} {kind.limit} {things}"


_PROBLEMS: Mapping[str, Callable[[Any], str]] = {
    "AdditionalProperties": lambda kind: f"has the unknown member '{plain(kind.unexpected[0], _NAME)}'",
    "Constant": lambda kind: f"must be {_listed([kind.expected_value])}",
    "Contains": lambda _: "does not have the number of items that contains asks for",
    "Custom": lambda kind: plain(kind.message, _LISTED),
    "Enum": lambda kind: f"must be one of {_listed(kind.options)}",
    "ExclusiveMaximum": _number("below"),
    "ExclusiveMinimum": _number("above"),
    "FalseSchema": lambda _: "is not allowed, or has a member that is not",
    "MaxItems": _count("at most", "items"),
    "MaxLength": _count("at most", "characters"),
    "MaxProperties": _count("at most", "members"),
    "Maximum": _number("at most"),
    "MinItems": _count("at least", "items"),
    "MinLength": _count("at least", "characters"),
    "MinProperties": _count("at least", "members"),
    "Minimum": _number("at least"),
    "MultipleOf": lambda kind: f"must be a multiple of {kind.multiple_of}",
    "Not": lambda _: "fits what is not allowed",
    "Pattern": lambda kind: f"must match {plain(kind.pattern, _LISTED)}",
    "PropertyNames": lambda _: "has a member whose name is not allowed",
    "Required": lambda kind: f"the member '{plain(kind.property, _NAME)}' is missing",
    "Type": lambda kind: f"must be of type {' or '.join(kind.types)}",
    "UniqueItems": lambda _: "must not have equal items",
}
