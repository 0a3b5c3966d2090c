# SPDX-License-Identifier: Apache-2.0
"""The web's classes as apps find them: the tests in web/ run in the engine, as one app."""

from pathlib import Path

from genapps_runtime.guest.engine import Language
from tests.support.guest import AppInEngine

FILES = {path.name: path.read_bytes() for path in (Path(__file__).parent / "web").glob("*.js")}
LEAST = 133
"""Tests that there are at least: a file that nobody imports would pass otherwise."""


def test_the_web_classes_do_what_their_tests_say(javascript: Language) -> None:
    answer = AppInEngine(javascript, FILES, "all.js", "javascript").call("GET", "/")
    assert answer.status == 200, answer.trace
    found = answer.json()
    assert found["failed"] == []
    assert found["passed"] >= LEAST
