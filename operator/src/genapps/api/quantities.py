# SPDX-License-Identifier: Apache-2.0
"""Durations, sizes and money: the strings of the API become integers here, and nowhere else.

Sizes and CPU are read as Kubernetes reads a `resource.Quantity`. Every function raises ValueError with a sentence that
says what the string should look like.
"""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

DURATION_PATTERN: Final = "^([0-9]{1,6}d([0-9]{1,6}(s|m|h))*|([0-9]{1,6}(s|m|h))+)$"
LATENCY_PATTERN: Final = "^[1-9][0-9]{0,5}(ms|s)$"
MONEY_PATTERN: Final = "^[0-9]{1,9}([.][0-9]{1,6})?$"
QUANTITY_PATTERN: Final = "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?$"
"""`resource.Quantity`, with an exponent of whole numbers only."""

DURATION_FORM: Final = "write a duration as whole days, hours, minutes and seconds, such as 15m, 90s, 1h30m or 7d"
LATENCY_FORM: Final = "write a latency as whole milliseconds or seconds, such as 800ms or 2s"
MONEY_FORM: Final = 'write an amount in US dollars as a decimal string with at most 6 decimals, such as "20" or "0.05"'
MEMORY_FORM: Final = "write a size as a Kubernetes quantity of bytes, such as 64Mi, 1G or 0.5Gi"
CPU_FORM: Final = 'write CPU as a Kubernetes quantity of cores, such as 500m, 2 or "0.5"'

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MULTIPLIERS = {
    **{
        unit: Decimal(1000) ** power for power, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate(("K", "M", "G", "T", "P", "E"), 1)},
}
_LARGEST = Decimal(2**63 - 1)
"""What Kubernetes cuts a quantity to."""
_DECIMALS = 6


def seconds(duration: str) -> int:
    """Seconds of a duration such as `1h30m` or `7d`."""
    _check(DURATION_PATTERN, duration, DURATION_FORM)
    parts: list[tuple[str, str]] = re.findall("([0-9]+)([smhd])", duration)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def milliseconds(latency: str) -> int:
    """Milliseconds of a latency such as `800ms` or `2s`."""
    _check(LATENCY_PATTERN, latency, LATENCY_FORM)
    return int(latency[:-2]) if latency.endswith("ms") else int(latency[:-1]) * 1000


def micro_dollars(amount: str) -> int:
    """Millionths of a US dollar of a decimal string such as `0.05`: exact, never a float."""
    _check(MONEY_PATTERN, amount, MONEY_FORM)
    whole, _, fraction = amount.partition(".")
    return int(whole) * 1_000_000 + int(fraction.ljust(_DECIMALS, "0"))


def dollars(micros: int) -> str:
    """A decimal string of millionths of a US dollar, such as `0.05`: the reverse of `micro_dollars`."""
    whole, fraction = divmod(micros, 10**_DECIMALS)
    digits = f"{fraction:0{_DECIMALS}d}".rstrip("0")
    return f"{whole}.{digits:0<2}" if digits else str(whole)


def byte_count(size: str) -> int:
    """Bytes of a size such as `64Mi`, rounded up to a whole one."""
    return _whole(_quantity(size, MEMORY_FORM))


def millicores(cpu: str) -> int:
    """Thousandths of a core of `500m` or `0.5`, rounded up to a whole one."""
    return _whole(_quantity(cpu, CPU_FORM) * 1000)


def memory(amount: int) -> str:
    """Bytes as the API server would write them: 1536Mi, 2Gi."""
    for unit in ("", "Ki", "Mi", "Gi", "Ti"):
        if amount % 1024 or not amount:
            return f"{amount}{unit}"
        amount //= 1024
    return f"{amount}Pi"


def cpu(millis: int) -> str:
    """Thousandths of a core as the API server would write them: 500m, 2, 1k."""
    return f"{millis}m" if millis % 1000 else count(millis // 1000)


def count(number: int) -> str:
    """A number as the API server would write it: 300, 2k."""
    for unit in ("", "k", "M"):
        if number % 1000 or not number:
            return f"{number}{unit}"
        number //= 1000
    return f"{number}G"


def _quantity(text: str, form: str) -> Decimal:
    _check(QUANTITY_PATTERN, text, form)
    number, suffix = re.fullmatch("([-+.0-9]+)(.*)", text).groups()  # type: ignore[union-attr]  # the pattern holds
    multiplier = _MULTIPLIERS.get(suffix)
    return Decimal(number + suffix) if multiplier is None else Decimal(number) * multiplier


def _whole(amount: Decimal) -> int:
    return int(min(max(amount, -_LARGEST), _LARGEST).to_integral_value(ROUND_CEILING))


def _check(pattern: str, text: str, form: str) -> None:
    if not re.fullmatch(pattern, text):
        msg = f"{text[:40]!r}: {form}"
        raise ValueError(msg)
