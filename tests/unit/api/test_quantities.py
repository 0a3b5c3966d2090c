# SPDX-License-Identifier: Apache-2.0
"""Strings of the API become exact integers, and anything else is refused with the form that is wanted."""

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from genapps.api import quantities
from genapps.api.quantities import byte_count, micro_dollars, millicores, milliseconds, seconds

LARGEST = Decimal(2**63 - 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("15m", 900), ("1h30m", 5400), ("8760h", 31_536_000), ("1d", 86_400), ("1d12h", 129_600)],
)
def test_durations_are_seconds(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(("text", "value"), [("800ms", 800), ("2s", 2000)])
def test_latencies_are_milliseconds(text: str, value: int) -> None:
    assert milliseconds(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64Mi", 67_108_864),
        ("1Gi", 1_073_741_824),
        ("512Ki", 524_288),
        ("1G", 10**9),
        ("0.5Gi", 2**29),
        (".5Gi", 2**29),
        ("128e6", 128_000_000),
        ("1E", 10**18),
        ("1073741824", 2**30),
        ("0.1", 1),
    ],
)
def test_sizes_are_bytes(text: str, value: int) -> None:
    assert byte_count(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 500), ("2", 2000), ("0.5", 500), ("1e0", 1000), ("1u", 1), ("+2", 2000)]
)
def test_cpu_is_millicores(text: str, value: int) -> None:
    assert millicores(text) == value


@given(st.from_regex(quantities.QUANTITY_PATTERN.replace("$", ""), fullmatch=True))
def test_every_quantity_is_read_as_the_official_client_reads_it(text: str) -> None:
    official = parse_quantity(_long_form(text))  # type: ignore[no-untyped-call]
    expected = int(min(max(official, -LARGEST), LARGEST).to_integral_value(ROUND_CEILING))
    assert byte_count(text) == expected


def _long_form(text: str) -> str:
    """The client knows no exponents: they are written out for it."""
    plain = re.fullmatch(r"([^eE]*)[eE]([-+]?[0-9]+)", text)
    return f"{Decimal(f'{plain[1]}e{plain[2]}'):f}" if plain else text


@given(st.from_regex(quantities.MONEY_PATTERN.replace("$", ""), fullmatch=True))
def test_money_is_exact(text: str) -> None:
    assert micro_dollars(text) == Decimal(text) * 1_000_000


@pytest.mark.parametrize(
    ("parse", "text", "form"),
    [
        (seconds, "5 minutes", "15m"),
        (seconds, "", "15m"),
        (seconds, "1h1d", "15m"),
        (seconds, "1w", "15m"),
        (seconds, "-1s", "15m"),
        (seconds, "1s\n", "15m"),
        (milliseconds, "0ms", "800ms"),
        (micro_dollars, "1k", "0.05"),
        (micro_dollars, "1e309", "0.05"),
        (micro_dollars, "-1", "0.05"),
        (byte_count, "64MB", "64Mi"),
        (byte_count, "1e9999", "64Mi"),
        (byte_count, "NaN", "64Mi"),
        (byte_count, "1 Gi", "64Mi"),
        (millicores, "half", "500m"),
        (millicores, "1e1.5", "500m"),
    ],
)
def test_other_forms_are_refused_with_an_example(parse: Callable[[str], int], text: str, form: str) -> None:
    with pytest.raises(ValueError, match=form):
        parse(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (1000, "1000"), (2**10, "1Ki"), (1536 * 2**20, "1536Mi"), (2**31, "2Gi"), (2**50, "1Pi")],
)
def test_sizes_are_written_in_the_largest_unit_that_fits(amount: int, text: str) -> None:
    assert quantities.memory(amount) == text


@pytest.mark.parametrize(
    ("millis", "text"), [(0, "0"), (20, "20m"), (1500, "1500m"), (2000, "2"), (10**6, "1k"), (5_500_000, "5500")]
)
def test_cpu_is_written_in_the_largest_unit_that_fits(millis: int, text: str) -> None:
    assert quantities.cpu(millis) == text
