# SPDX-License-Identifier: Apache-2.0
"""Hostile text, before it reaches a status or an Event."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.core.text import plain


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("line\nanother\r\n\tindented", "line another indented"),
        ("\x1b[31mred", "\\u{1b}[31mred"),
        ("right\u202eto left", "right\\u{202e}to left"),
        ("null\x00byte", "null\\u{0}byte"),
        ("zero\u200bwidth", "zero\\u{200b}width"),
        ("\ud800 alone", "\\u{d800} alone"),
        ("Zürich, 10 % «très» ✓", "Zürich, 10 % «très» ✓"),
    ],
)
def test_it_is_shown_in_one_harmless_line(hostile: str, shown: str) -> None:
    assert plain(hostile) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = plain("x" * 10**6, limit=100)
    assert len(shown) == 100
    assert shown.endswith("…")


@given(st.text(st.characters(exclude_categories=())), st.integers(min_value=1, max_value=300))
def test_any_text_becomes_one_short_line_without_control_characters(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert all(unicodedata.category(character)[0] != "C" for character in shown)
    assert shown.encode().decode() == shown
