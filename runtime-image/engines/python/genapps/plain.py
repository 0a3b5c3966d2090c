# SPDX-License-Identifier: Apache-2.0
"""What JSON makes of Python's other values: dates, decimals, sets, data classes and the like."""

import dataclasses
import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import operator
import pathlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_METHODS = ("model_dump", "to_dict", "dict")
_refuse = json.JSONEncoder().default


def plain(value: Any) -> Any:
    """A value that JSON has, or that `plain` makes one of. Raises TypeError, and ValueError for binary data.

    A decimal is a text, for a number could lose digits; a duration is in seconds; a set is sorted where it can be.
    """
    if isinstance(value, type):
        _refuse(value)
    for kinds, converted in _KINDS:
        if isinstance(value, kinds):
            return converted(value)
    for name in _METHODS:
        method = getattr(value, name, None)
        if callable(method):
            return method()
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return list(value) if isinstance(value, Iterable) else _refuse(value)


def _text(value: Any) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        advice = "encode them first: base64.b64encode(value).decode()"
        raise ValueError(f"JSON has no binary data, and these bytes are not UTF-8 text; {advice}") from None


def _sorted(values: Any) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return list(values)


_KINDS: tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...] = (
    ((datetime.date, datetime.time), operator.methodcaller("isoformat")),
    ((decimal.Decimal, uuid.UUID, fractions.Fraction, pathlib.PurePath), str),
    ((ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network), str),
    ((enum.Enum,), operator.attrgetter("value")),
    ((datetime.timedelta,), datetime.timedelta.total_seconds),
    ((bytes, bytearray, memoryview), _text),
    ((set, frozenset), _sorted),
    ((Mapping,), dict),
)
