# SPDX-License-Identifier: Apache-2.0
"""A facet of a later layout, with keys, marks and a journal beside it: nothing of it is opened or changed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from genapps_runtime.state.errors import StateUnavailableError
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.facets import Facets, Many
from genapps_runtime.state.journal import Intent
from genapps_runtime.state.layout import LAYOUT
from genapps_runtime.state.marks import Mark
from genapps_runtime.state.transaction import Commit
from tests.runtime.harness import until

SCOPE, REQUEST = b"s" * 32, b"r" * 32


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "facets-1"
    made.mkdir()
    return made


async def written(directory: Path, tenant: str) -> Path:
    """A facet with a key, a mark and an unfinished request, which a later runtime has taken over."""
    facet = Facet(str(directory), tenant, 1024**2, 8)
    one = Commit(None, [("a", "1")], mark=Mark(b"m" * 32, REQUEST, b"told"))
    facet.commit([one], lambda _: None)
    await facet.journal.intend(SCOPE, REQUEST, Intent(1, "shop", "pay", "0a" * 32))
    await facet.close()
    assert one.verdict is None
    with closing(sqlite3.connect(facet.path)) as connection:
        connection.execute(f"PRAGMA user_version={LAYOUT + 1}")
    return Path(facet.path)


def content(directory: Path) -> dict[str, bytes]:
    files = (
        file for file in directory.parent.rglob("*") if file.is_file() and not file.name.endswith(("-shm", "-wal"))
    )
    return {str(file): file.read_bytes() for file in files}


async def test_it_is_refused_and_file_and_journal_stay_as_they_are(directory: Path) -> None:
    await written(directory, "default")
    before = content(directory)
    assert len(before) == 2, "a file and its journal"
    for _ in range(2):
        with pytest.raises(StateUnavailableError, match=f"newer runtime .layout {LAYOUT + 1}"):
            Facet(str(directory), "default", 1024**2, 8)
    assert content(directory) == before


async def test_of_several_tenants_only_this_one_is_refused(directory: Path) -> None:
    await written(directory, "later")
    facets = Facets(str(directory), 1024**2, 8, 3600, 0, Many(9))
    found: list[Facet | Exception] = []
    for tenant in ("later", "other"):
        facets.open(tenant, found.append)
    await until(lambda: len(found) == 2)
    assert {type(one) for one in found} == {StateUnavailableError, Facet}
    assert facets.find("other") is not None
    assert facets.find("later") is None
    await facets.close()
