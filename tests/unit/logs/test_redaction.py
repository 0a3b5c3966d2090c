# SPDX-License-Identifier: Apache-2.0
"""Nothing secret reaches a log line."""

from typing import Any

import pytest

from genapps.logs import _HARMLESS_CHARACTERS, _MOST_HARMLESS, _harmless, redact
from genapps.redaction.text import SECRET

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize("name", ["token", "access_token", "Authorization", "clientSecret", "password", "private_key"])
def test_values_of_secret_names_are_dropped(name: str) -> None:
    assert redact(None, "", {name: "s3cret", "app": "a"}) == {name: SECRET, "app": "a"}


@pytest.mark.parametrize("text", [f"Bearer {JWT}", f"failed with {JWT} in it", "bearer abc.def"])
def test_tokens_inside_texts_are_dropped(text: str) -> None:
    shown = str(redact(None, "", {"error": text})["error"])
    assert "[redacted:" in shown
    assert JWT not in shown
    assert "abc.def" not in shown


def test_nested_values_are_looked_into() -> None:
    event: dict[str, Any] = {"about": {"token": "x", "names": ["a", f"Bearer {JWT}"]}}
    assert redact(None, "", event) == {"about": {"token": SECRET, "names": ["a", "Bearer [redacted:jwt]"]}}


def test_long_texts_are_cut() -> None:
    assert len(str(redact(None, "", {"error": "x" * 1_000_000})["error"])) == 2000


def test_a_text_that_was_harmless_once_is_no_excuse_for_another_one() -> None:
    for _ in range(2):
        assert redact(None, "", {"app": "converter-0012", "error": f"converter-0012 {JWT}"}) == {
            "app": "converter-0012",
            "error": "converter-0012 [redacted:jwt]",
        }
        assert redact(None, "", {"token": "converter-0012"}) == {"token": SECRET}


def test_texts_that_were_harmless_are_remembered_in_bounded_numbers() -> None:
    for number in range(2 * _MOST_HARMLESS):
        redact(None, "", {"app": f"converter-{number}", "error": "y" * _HARMLESS_CHARACTERS + f" {number}"})
    assert 0 < len(_harmless) <= _MOST_HARMLESS
    assert max(map(len, _harmless)) <= _HARMLESS_CHARACTERS
