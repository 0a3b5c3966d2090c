# SPDX-License-Identifier: Apache-2.0
"""Python's values as those of SQL, and back: adapters and converters."""

import binascii
import datetime
import warnings
from collections.abc import Callable, Mapping, Sequence
from sqlite3.errors import ProgrammingError
from typing import Any

_LEAST, _MOST = -(2**63), 2**63 - 1


class PrepareProtocol:
    """What `__conform__` is asked for."""


adapters: dict[tuple[type, type], Callable[[Any], Any]] = {}
converters: dict[str, Callable[[bytes], Any]] = {}


def register_adapter(kind: type, adapter: Callable[[Any], Any], /) -> None:
    """From now on parameters of this type are what `adapter` makes of them."""
    adapters[kind, PrepareProtocol] = adapter


def register_converter(name: str, converter: Callable[[bytes], Any], /) -> None:
    """From now on columns of this type are what `converter` makes of their bytes."""
    converters[name.upper()] = converter


def adapt(value: Any, protocol: type = PrepareProtocol, *otherwise: Any) -> Any:
    """What the value is in SQL. Raises ProgrammingError when nobody knows."""
    adapter = adapters.get((type(value), protocol))
    if adapter is not None:
        return adapter(value)
    offered, own = getattr(protocol, "__adapt__", None), getattr(value, "__conform__", None)
    if offered is not None and (adapted := offered(value)) is not None:
        return adapted
    if own is not None and (adapted := own(protocol)) is not None:
        return adapted
    if otherwise:
        return otherwise[0]
    raise ProgrammingError("can't adapt")


def parameters_of(given: Any) -> list[Any] | dict[str, Any]:
    """Parameters as the host takes them. Raises ProgrammingError, OverflowError and UnicodeEncodeError."""
    if type(given) is tuple or type(given) is list:
        return [_sent(value, number) for number, value in enumerate(given, 1)]
    if isinstance(given, Mapping):
        return {str(name): _sent(value, f":{name}") for name, value in given.items()}
    if isinstance(given, Sequence) or (hasattr(given, "__getitem__") and hasattr(given, "__len__")):
        return [_sent(given[number], number + 1) for number in range(len(given))]
    raise ProgrammingError("parameters are of unsupported type")


def _sent(value: Any, place: object) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None:
        return _plain(value, place)
    if kind is bytearray or kind is bytes:
        return {"base64": binascii.b2a_base64(value, newline=False).decode()}
    return _plain(adapt(value, PrepareProtocol, value), place)


def _plain(value: Any, place: object) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        if not value.isascii():
            value.encode()
        return str(value)
    if isinstance(value, int):
        if not _LEAST <= value <= _MOST:
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return int(value)
    if isinstance(value, float):
        if value != value:
            return None  # as SQLite does
        if value in (float("inf"), -float("inf")):
            raise ProgrammingError(f"Error binding parameter {place}: an infinite number cannot be stored")
        return float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": binascii.b2a_base64(bytes(value), newline=False).decode()}
    raise ProgrammingError(f"Error binding parameter {place}: type '{type(value).__name__}' is not supported")


def received(value: Any) -> Any:
    """A value of a result, from what JSON has in its place."""
    if type(value) is dict:
        return binascii.a2b_base64(value["base64"]) if "base64" in value else float(value["float"])
    return value


def bytes_of(value: Any) -> bytes:
    """The bytes of a value that is not None, for a converter."""
    return value if isinstance(value, bytes) else str(value).encode()


def _deprecated(what: str) -> None:
    told = "is deprecated as of Python 3.12; see the sqlite3 documentation for suggested replacement recipes"
    warnings.warn(f"The default {what} {told}", DeprecationWarning, stacklevel=4)


def _adapt_date(value: datetime.date) -> str:
    _deprecated("date adapter")
    return value.isoformat()


def _adapt_datetime(value: datetime.datetime) -> str:
    _deprecated("datetime adapter")
    return value.isoformat(" ")


def _convert_date(value: bytes) -> datetime.date:
    _deprecated("date converter")
    return datetime.date(*map(int, value.split(b"-")))


def _convert_timestamp(value: bytes) -> datetime.datetime:
    _deprecated("timestamp converter")
    day, _, clock = value.partition(b" ")
    year, month, date = map(int, day.split(b"-"))
    whole, _, fraction = clock.partition(b".")
    hours, minutes, seconds = map(int, whole.split(b":"))
    micros = int(f"{fraction.decode():0<6.6}") if fraction else 0
    return datetime.datetime(year, month, date, hours, minutes, seconds, micros)  # noqa: DTZ001  as Python's own


register_adapter(datetime.date, _adapt_date)
register_adapter(datetime.datetime, _adapt_datetime)
register_converter("date", _convert_date)
register_converter("timestamp", _convert_timestamp)
