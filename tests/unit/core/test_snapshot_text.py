# SPDX-License-Identifier: Apache-2.0
"""Text in snapshots: the API server reads what is applied as YAML, and a file must come out as it went in."""

from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from genapps.core.observed import Bundle
from tests.unit.core.world import World


def snapshot(content: bytes) -> dict[str, Any]:
    world = World(others={"source": Bundle("app.py", {"app.py": b"", "a.js": content}), "scanned": None})
    found: dict[str, Any] = next(one for one in world.desired() if "-code-" in one["metadata"]["name"])
    return found


CHARACTERS = ["\x7f", "\x80", "\x85", "\x9f", "\u2028", "\u2029", "\ufffe", "\uffff"]
"""YAML refuses them or takes them for line breaks, which it folds, with the blanks around them, in quoted text. They
stand in minified scripts."""


@pytest.mark.parametrize("character", CHARACTERS, ids=ascii)
def test_what_yaml_reads_as_something_else_is_kept_as_bytes(character: str) -> None:
    content = f"const blank = / {character} /".encode()
    assert snapshot(content)["binaryData"].keys() == {"a.js"}


@pytest.mark.parametrize("text", ["", "\t\r\n", "\xa0\ufeff\u202f", "\ue000\ufffd\U0001f600", "--- |\n"], ids=ascii)
def test_any_other_text_is_kept_as_people_can_read_it(text: str) -> None:
    assert snapshot(text.encode())["data"]["a.js"] == text


@given(st.text(st.characters(codec="utf-8") | st.sampled_from([" ", "\n", *CHARACTERS]), max_size=12))
def test_yaml_reads_what_was_written(text: str) -> None:
    manifest = snapshot(text.encode())
    assert yaml.safe_load(orjson.dumps(manifest)) == manifest
