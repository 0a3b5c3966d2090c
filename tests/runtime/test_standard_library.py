# SPDX-License-Identifier: Apache-2.0
"""The standard library as apps get it: pieces of Python as generators write them, in one real guest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.library_cases import FAILS, FILES, WORKS
from tests.runtime.snippets import Snippets


@pytest.fixture(scope="module")
def works(engine: Path) -> Iterator[Snippets]:
    snippets = Snippets(engine, [code for _, code, _ in WORKS], FILES)
    yield snippets
    snippets.guest.drop()


@pytest.fixture(scope="module")
def fails(engine: Path) -> Iterator[Snippets]:
    snippets = Snippets(engine, [code for _, code, _ in FAILS], FILES)
    yield snippets
    snippets.guest.drop()


@pytest.mark.parametrize(
    ("number", "value"), [(n, row[2]) for n, row in enumerate(WORKS)], ids=[row[0] for row in WORKS]
)
def test_it_works(works: Snippets, number: int, value: Any) -> None:
    outcome = works.run(number)
    assert (outcome.value, outcome.problem) == (value, "")


@pytest.mark.parametrize(
    ("number", "words"), [(n, row[2]) for n, row in enumerate(FAILS)], ids=[row[0] for row in FAILS]
)
def test_it_says_what_to_use_in_its_place(fails: Snippets, number: int, words: str) -> None:
    outcome = fails.run(number)
    assert outcome.problem.startswith("AppFailed: ")
    assert words in outcome.problem


LISTED = json.loads((Path(__file__).resolve().parents[2] / "docs" / "contracts" / "python-modules.json").read_text())
IMPORTABLE = [*LISTED["available"], *LISTED["limited"]]
IMPORTS = """
from genapps import app
for name in {names}:
    __import__(name)
"""
LEFT = """
import sys
from types import FunctionType
posix = sys.modules["posix"]
kept = {"error", "fspath", "strerror", "sysconf", "confstr", "urandom", "putenv", "unsetenv", "stat_result",
        "statvfs_result", "terminal_size", "times_result", "uname_result"}
found = set()
for module in list(sys.modules.values()):
    holders = [module, *(one for one in vars(module).values() if isinstance(one, type))]
    for holder in holders:
        for name, value in vars(holder).items():
            value = getattr(value, "__func__", value)
            for one in (value, *(isinstance(value, FunctionType) and value.__defaults__ or ())):
                if getattr(one, "__self__", None) is posix and one.__name__ not in kept:
                    if not one.__name__.startswith("_"):
                        found.add(f"{module.__name__}.{name}")
return sorted(found)
"""
COMPLETE = """
import sys
return [sorted(sys.stdlib_module_names), sorted(sys.modules["stdlib.stored"].names())]
"""


def test_every_listed_module_can_be_imported_in_one_app(engine: Path) -> None:
    snippets = Snippets(engine, [IMPORTS.format(names=IMPORTABLE), "return 1"])
    assert snippets.run(0).problem == ""
    assert snippets.run(1).value == 1
    snippets.guest.drop()


def test_every_other_module_is_refused_with_its_sentence(engine: Path) -> None:
    refused = {**LISTED["refused"], **LISTED["packages"]}
    body = f"""
    found = {{}}
    for name in {sorted(refused)}:
        try: __import__(name)
        except ImportError as error: found[name] = str(error)
    return found
    """
    snippets = Snippets(engine, [body])
    told = snippets.run(0).value
    snippets.guest.drop()
    assert told == {name: f"module not available to apps: {name}. {says}" for name, says in refused.items()}


def test_every_module_of_python_is_in_a_list_or_private(engine: Path) -> None:
    snippets = Snippets(engine, [COMPLETE])
    top, stored = snippets.run(0).value
    snippets.guest.drop()
    known = {*IMPORTABLE, *LISTED["refused"], *LISTED["frameworks"]}
    assert [name for name in top if name not in known and not name.startswith("_")] == []
    public = [name for name in stored if not any(part.startswith("_") for part in name.split("."))]
    refused = tuple(f"{name}." for name in (*LISTED["refused"], "fastapi", "pydantic", "sqlite3"))
    assert [name for name in public if name not in known and not name.startswith(refused)] == []


def test_no_module_holds_a_function_that_ends_the_instance(engine: Path) -> None:
    snippets = Snippets(engine, [LEFT])
    assert snippets.run(0).value == []
    snippets.guest.drop()
