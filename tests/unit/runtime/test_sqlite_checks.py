# SPDX-License-Identifier: Apache-2.0
"""A runtime does not start with a SQLite that does not keep the rules for SQL of apps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.state.connection import Connection, Parameters, Result
from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.sqlite_checks import LEAST_VERSION, PROBES, check_sqlite


class Lax(Connection):
    """A connection to a SQLite that lets one of the probes pass, or has no limit of memory."""

    passes = ""
    allocates = False

    def run(self, text: str, parameters: Parameters, until: float) -> Result:
        if text == self.passes:
            return Result([], [], 0, None)
        return super().run(text, parameters, until)

    def execute(self, text: str, parameters: Any = ()) -> Any:
        return super().execute("SELECT 1" if self.allocates and "randomblob" in text else text, parameters)


@pytest.fixture
def lax() -> Iterator[Lax]:
    made = Lax(":memory:")
    yield made
    made.close()


def test_this_sqlite_keeps_the_rules(lax: Lax) -> None:
    check_sqlite(lax)
    assert not lax.exhausted


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_that_passes_is_named(lax: Lax, name: str) -> None:
    lax.passes = PROBES[name][0]
    with pytest.raises(StateUnavailableError, match=f"does not keep {name}"):
        check_sqlite(lax)


def test_a_limit_of_memory_that_is_not_there_is_named(lax: Lax) -> None:
    lax.allocates = True
    with pytest.raises(StateUnavailableError, match="does not keep the limit of memory"):
        check_sqlite(lax)


@pytest.mark.parametrize(("version", "starts"), [((3, 39, 4), False), (LEAST_VERSION, True), ((3, 46, 1), True)])
def test_an_older_version_than_was_tested_is_refused(lax: Lax, version: tuple[int, ...], starts: bool) -> None:
    if starts:
        check_sqlite(lax, version)
    else:
        with pytest.raises(StateUnavailableError, match=r"has SQLite 3\.39\.4; the runtime needs 3\.40\.0"):
            check_sqlite(lax, version)


async def test_a_facet_is_opened_only_after_the_check(tmp_path: Path) -> None:
    class Unchecked(Facet):
        def _connect_writer(self) -> Connection:
            lax = Lax(self.path)
            lax.passes = PROBES["the authorizer"][0]
            return lax

    with pytest.raises(StateUnavailableError, match="the authorizer"):
        Unchecked(str(tmp_path), "default", 1_000_000, 1)
