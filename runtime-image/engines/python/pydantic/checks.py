# SPDX-License-Identifier: Apache-2.0
"""How a value becomes one of a type: a function for each annotation, which takes the value and its place.

It raises Unfit. Texts become numbers and dates, as in pydantic: parameters of a query are texts.
"""

import datetime
import decimal
import enum
import re
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from .errors import Place, Unfit, unfit
from .fields import FieldInfo

Check = Callable[[Any, Place], Any]


class EmailStr(str):
    """An annotation for the address of a mailbox; the value is a text."""

    __slots__ = ()


_EMAIL = re.compile(r"[^@\s<>()\[\],;:\\\"]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}\Z")
_INTEGER = re.compile(r"[+-]?\d{1,4300}(?:\.0*)?\Z", re.ASCII)
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})


def check_of(annotation: Any) -> Check:
    """Raises TypeError for a type that apps cannot have checked."""
    if annotation is Any:
        return lambda value, _place: value
    if annotation in _CHECKS:
        return _CHECKS[annotation]
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return bounded(check_of(inner[0]), [one for one in inner[1:] if isinstance(one, FieldInfo)])
    if origin is typing.Union or origin is types.UnionType:
        return _of_union(inner)
    if origin is typing.Literal:
        return _of_choices(inner, inner, "literal_error")
    kind = origin or annotation
    if kind in (list, set):
        return _of_items(kind, check_of(*inner or (Any,)))
    if kind is dict:
        return _of_dict(*map(check_of, inner or (Any, Any)))
    if isinstance(kind, type) and hasattr(kind, "__pydantic_check__"):
        return kind.__pydantic_check__  # type: ignore[no-any-return]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _of_choices([*kind], [member.value for member in kind], "enum")
    raise TypeError(f"apps cannot check the type {annotation!r}; take str or dict, and check it")


def bounded(check: Check, fields: list[FieldInfo]) -> Check:
    """The check, and then the bounds of these fields; None has none."""
    fields = [field for field in fields if field.bounds or field.pattern is not None]
    if not fields:
        return check

    def checked(value: Any, place: Place) -> Any:
        found = check(value, place)
        for field in fields if found is not None else ():
            field.check(found, place)
        return found

    return checked


def _int(value: Any, place: Place) -> int:
    if isinstance(value, int):
        return int(value)
    said = "Input should be a valid integer"
    if isinstance(value, str):
        if _INTEGER.match(text := value.strip()):
            return int(text.partition(".")[0])
        raise unfit("int_parsing", place, f"{said}, unable to parse string as an integer", value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, float):
        raise unfit("int_from_float", place, f"{said}, got a number with a fractional part", value)
    raise unfit("int_type", place, said, value)


def _float(value: Any, place: Place) -> float:
    said = "Input should be a valid number"
    try:
        if isinstance(value, float | int | str):
            return float(value)
    except (ValueError, OverflowError):
        raise unfit("float_parsing", place, f"{said}, unable to parse string as a number", value) from None
    raise unfit("float_type", place, said, value)


def _bool(value: Any, place: Place) -> bool:
    if isinstance(value, bool):
        return value
    said = "Input should be a valid boolean"
    if isinstance(value, str) or value in (0, 1):
        text = str(value if isinstance(value, str) else int(value)).lower()
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
    if isinstance(value, str | int):
        raise unfit("bool_parsing", place, f"{said}, unable to interpret input", value)
    raise unfit("bool_type", place, said, value)


def _str(value: Any, place: Place) -> str:
    if isinstance(value, str):
        return value
    raise unfit("string_type", place, "Input should be a valid string", value)


def _email(value: Any, place: Place) -> str:
    if _EMAIL.match(text := _str(value, place)) is None:
        raise unfit("value_error", place, "value is not a valid email address", value)
    return text


def _none(value: Any, place: Place) -> None:
    if value is not None:
        raise unfit("none_required", place, "Input should be None", value)


def _parsed(kind: type, name: str, parse: Callable[[str], Any]) -> Check:
    def checked(value: Any, place: Place) -> Any:
        if type(value) is kind:
            return value
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                return parse(str(value))
            except (ValueError, ArithmeticError):
                raise unfit(f"{name}_parsing", place, f"Input should be a valid {name}", value) from None
        raise unfit(f"{name}_type", place, f"Input should be a valid {name}", value)

    return checked


def _decimal(value: Any, place: Place) -> decimal.Decimal:
    """Infinity is beyond no bound, and what is no number cannot be compared."""
    found: decimal.Decimal = _any_decimal(value, place)
    if not found.is_finite():
        raise unfit("finite_number", place, "Input should be a finite number", value)
    return found


_any_decimal = _parsed(decimal.Decimal, "decimal", decimal.Decimal)
_CHECKS: dict[Any, Check] = {
    int: _int, float: _float, bool: _bool, str: _str, None: _none, type(None): _none, EmailStr: _email,
    datetime.datetime: _parsed(datetime.datetime, "datetime", datetime.datetime.fromisoformat),
    datetime.date: _parsed(datetime.date, "date", datetime.date.fromisoformat),
    datetime.time: _parsed(datetime.time, "time", datetime.time.fromisoformat),
    decimal.Decimal: _decimal,
    uuid.UUID: _parsed(uuid.UUID, "uuid", uuid.UUID),
}  # fmt: skip


def _of_choices(choices: Any, values: Any, kind: str) -> Check:
    *most, last = map(repr, values)
    expected = f"{', '.join(most)} or {last}" if most else last

    def checked(value: Any, place: Place) -> Any:
        for choice, known in zip(choices, values, strict=True):
            if value is choice or (type(value) is type(known) and value == known):
                return choice
        raise unfit(kind, place, f"Input should be {expected}", value, expected=expected)

    return checked


def _of_union(kinds: tuple[Any, ...]) -> Check:
    given = [(kind, check_of(kind)) for kind in kinds if kind is not type(None)]

    def checked(value: Any, place: Place) -> Any:
        if value is None and len(given) < len(kinds):
            return None
        if len(given) == 1:
            return given[0][1](value, place)
        problems = []
        for kind, check in sorted(given, key=lambda one: type(value) is not one[0]):  # its own type first
            try:
                return check(value, place)
            except Unfit as error:
                at = len(place)
                name = getattr(kind, "__name__", str(kind))
                problems += [{**one, "loc": (*place, name, *one["loc"][at:])} for one in error.problems]
        raise Unfit(problems)

    return checked


def _each(items: Any, check: Check, place: Place) -> list[Any]:
    found, problems = [], []
    for at, item in items:
        try:
            found.append(check(item, (*place, at)))
        except Unfit as error:
            problems += error.problems
    if problems:
        raise Unfit(problems)
    return found


def _of_items(kind: Any, check: Check) -> Check:
    def checked(value: Any, place: Place) -> Any:
        if not isinstance(value, list | tuple | set):
            raise unfit(f"{kind.__name__}_type", place, f"Input should be a valid {kind.__name__}", value)
        return kind(_each(enumerate(value), check, place))

    return checked


def _of_dict(key: Check, item: Check) -> Check:
    def checked(value: Any, place: Place) -> Any:
        if not isinstance(value, Mapping):
            raise unfit("dict_type", place, "Input should be a valid dictionary", value)
        names = _each([(name, name) for name in value], lambda one, at: key(one, (*at, "[key]")), place)
        return dict(zip(names, _each(value.items(), item, place), strict=True))

    return checked
