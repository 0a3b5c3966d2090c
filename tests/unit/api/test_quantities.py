"""Strings of the API become exact integers, and anything else is refused with the form that is wanted."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api import quantities
from genapps.api.quantities import byte_count, micro_dollars, millicores, milliseconds, seconds


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("15m", 900), ("1h30m", 5400), ("8760h", 31_536_000)])
def test_durations_are_seconds(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(("text", "value"), [("800ms", 800), ("2s", 2000)])
def test_latencies_are_milliseconds(text: str, value: int) -> None:
    assert milliseconds(text) == value


@pytest.mark.parametrize(("text", "value"), [("64Mi", 67_108_864), ("1Gi", 1_073_741_824), ("512Ki", 524_288)])
def test_sizes_are_bytes(text: str, value: int) -> None:
    assert byte_count(text) == value


@pytest.mark.parametrize(("text", "value"), [("500m", 500), ("2", 2000)])
def test_cpu_is_millicores(text: str, value: int) -> None:
    assert millicores(text) == value


@given(st.from_regex(quantities.MONEY_PATTERN.replace("$", ""), fullmatch=True))
def test_money_is_exact(text: str) -> None:
    assert micro_dollars(text) == Decimal(text) * 1_000_000


@pytest.mark.parametrize(
    ("parse", "text", "form"),
    [
        (seconds, "5 minutes", "15m"),
        (seconds, "", "15m"),
        (seconds, "1d", "15m"),
        (seconds, "-1s", "15m"),
        (seconds, "1s\n", "15m"),
        (milliseconds, "0ms", "800ms"),
        (micro_dollars, "1k", "0.05"),
        (micro_dollars, "1e309", "0.05"),
        (micro_dollars, "-1", "0.05"),
        (byte_count, "64M", "64Mi"),
        (byte_count, "0Mi", "64Mi"),
        (millicores, "0.5", "500m"),
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
