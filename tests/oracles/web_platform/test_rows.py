# SPDX-License-Identifier: Apache-2.0
"""URLs of apps in JavaScript against rows of the web platform tests: where the two differ, it is said why."""

from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.guest.engine import Language
from tests.oracles.web_platform.rows import fetched
from tests.support.guest import AppInEngine
from tools.engines import precompiled

CARET = "the standard encodes ^ in a path since 2023"
SPACE = "since 2025 the standard encodes the last space of an opaque path, and strips none"
TABLES = "it takes the tables of UTS #46, which the engine has not"
KNOWN = {
    "urltestdata": {
        "foo://host/ !\"$%&'()*+,-./:;<=>@[\\]^_`{|}~": CARET,
        "wss://host/ !\"$%&'()*+,-./:;<=>@[\\]^_`{|}~": CARET,
    },
    "toascii": {"\u200d.example": TABLES, "xn--1ug.example": TABLES, "\u064aa": TABLES, "xn--a-yoc": TABLES},
}
SETTERS = {"pathname a:/": CARET, "search data:space": SPACE, "search sc:space": SPACE}
SETTERS |= {"hash data:space": SPACE, "hash sc:space": SPACE}
PASSED = {"urltestdata": 818, "setters": 245, "toascii": 35}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    files = {path.name: path.read_bytes() for path in fetched().iterdir()}
    files["app.js"] = Path(__file__).with_name("rows_app.js").read_bytes()
    app = AppInEngine(Language(str(precompiled("javascript"))), files, "app.js", "javascript")
    answer = app.call("GET", "/")
    assert answer.status == 200, answer.trace
    rows: dict[str, Any] = answer.json()
    return rows


@pytest.mark.parametrize("kind", ["urltestdata", "toascii"])
def test_urls_are_what_the_rows_say(found: dict[str, Any], kind: str) -> None:
    assert set(found[kind]["failed"]) == set(KNOWN[kind])
    assert found[kind]["passed"] == PASSED[kind]


def test_setters_do_what_the_rows_say(found: dict[str, Any]) -> None:
    unexplained = [row for row in found["setters"]["failed"] if not row.startswith(tuple(SETTERS))]
    assert unexplained == []
    assert found["setters"]["passed"] == PASSED["setters"]
