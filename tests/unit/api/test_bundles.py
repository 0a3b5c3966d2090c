# SPDX-License-Identifier: Apache-2.0
"""Which paths the files of a bundle may have."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api.bundles import PATH_CHARACTERS, PATH_DEPTH, is_path, path_fault

GOOD = [
    "app.py",
    "public/index.html",
    "pkg/sub/mod.py",
    "pkg/__init__.py",
    ".env",
    "public/.well-known/security.txt",
    "-",
    "a..b/c.",
    "1/2/3/4/5/6/7/8",
    "x" * PATH_CHARACTERS,
]
BAD = [
    "",
    "/",
    "/app.py",
    "app.py/",
    "a//b",
    ".",
    "..",
    "./app.py",
    "../app.py",
    "a/../b",
    "a/./b",
    "a/..",
    "..data",
    "..data/app.py",
    "a/..2026/b",
    "a\\b",
    "a b",
    "a\n",
    "a\0b",
    "a%2fb",
    "a:b",
    "~/a?",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}.py",
    "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/a",
    "\u202egpj.exe",
    "1/2/3/4/5/6/7/8/9",
    "x" * (PATH_CHARACTERS + 1),
]


@pytest.mark.parametrize("path", GOOD)
def test_a_relative_path_of_plain_parts_is_one(path: str) -> None:
    assert is_path(path)
    assert path_fault([path]) is None


@pytest.mark.parametrize("path", BAD)
def test_any_other_is_refused_and_shown_in_ascii(path: str) -> None:
    assert not is_path(path)
    fault = path_fault(["app.py", path])
    assert fault is not None
    assert fault.startswith("the invalid path ")
    assert fault.isascii()
    assert fault.isprintable()
    assert len(fault) < 1000


@pytest.mark.parametrize("paths", [["a", "a/b"], ["a/b/c", "a"], ["a/b", "a/b/c/d"]])
def test_no_file_is_a_folder_too(paths: list[str]) -> None:
    fault = path_fault(paths)
    assert fault is not None
    assert "as a file and as a folder" in fault


def test_files_beside_a_folder_of_a_longer_name_are_fine() -> None:
    assert path_fault(["a", "a.b/c", "ab/c", "b/a", "b/a.b"]) is None


@given(st.text(alphabet="./-_aA0%\\ \n\0é", max_size=12))
def test_what_is_a_path_stays_below_its_folder(text: str) -> None:
    parts = text.split("/")
    plain = all(part and part != "." and not part.startswith("..") for part in parts)
    known = re.fullmatch("[-._a-zA-Z0-9/]*", text) is not None
    assert is_path(text) == (plain and known and len(parts) <= PATH_DEPTH)
