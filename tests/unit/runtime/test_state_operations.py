# SPDX-License-Identifier: Apache-2.0
"""What `genapps-runtime state` is answered: exports of whatever SQL can hold, deletions beside requests, refusals."""

import asyncio
import errno
import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from genapps_runtime.state.facet import DEFAULT_TENANT, Facet
from genapps_runtime.state.facets import Facets, FacetsBusyError, Many
from genapps_runtime.state.log_bound import log_bytes
from genapps_runtime.state.safe_dir import SafeDir
from genapps_runtime.state.transaction import Commit
from genapps_runtime.state_port import export
from genapps_runtime.state_port.listing import PAGE
from genapps_runtime.state_port.operations import Operations, Place
from tests.runtime.harness import until

SECONDS = 0.05
LIMIT_BYTES = 1024 * 1024
LARGE = '"' + "x" * 200_000 + '"'


def digest(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest()


class Reader:
    """Who reads an answer; `on_read` is awaited whenever they would read."""

    def __init__(self, on_read: Callable[[], Awaitable[object]] | None = None) -> None:
        self.text = b""
        self._on_read = on_read

    def write(self, content: bytes) -> None:
        self.text += content

    async def drain(self) -> None:
        if self._on_read is not None:
            await self._on_read()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


class World:
    """An app with tenants, and who asks for their data."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.folder = directory / "facets-1"
        self.folder.mkdir()
        self.facets = Facets(str(self.folder), LIMIT_BYTES, 4, 3600, 0, Many(most=4, open=2))
        self.place = Place("finance", "words", str(directory), ["facets-1"], False, SECONDS, log_bytes(LIMIT_BYTES))
        self.operations = self.made(self.place)

    def made(self, place: Place, **limits: Any) -> Operations:
        return Operations(place, self.facets, now=lambda: 1000.0, **limits)

    async def facet(self, tenant: str) -> Facet:
        found: asyncio.Future[Facet | Exception] = asyncio.get_running_loop().create_future()
        self.facets.open(tenant, found.set_result)
        facet = await found
        assert isinstance(facet, Facet), facet
        return facet

    async def store(self, tenant: str, value: str) -> Facet:
        facet, stored = await self.facet(tenant), asyncio.Event()
        commit = Commit(None, [("word", value)])
        facet.commit([commit], lambda _: stored.set())
        await stored.wait()
        assert commit.verdict is None
        facet.end_batch()
        return facet

    async def ask(
        self, operation: str, tenant: str = "", operations: Operations | None = None, reader: Reader | None = None
    ) -> list[dict[str, Any]]:
        words = (operation, "finance", "words", digest(tenant) if tenant else "", "ana")
        reader = reader or Reader()
        await (operations or self.operations).answer("\0".join(words).encode(), cast("asyncio.StreamWriter", reader))
        return reader.lines()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.facets.close()


def code_of(lines: list[dict[str, Any]]) -> str:
    return str(lines[-1]["error"]["code"])


async def test_whatever_sql_can_hold_is_exported_as_json(world: World) -> None:
    facet = await world.store("a", '"v"')
    facet._writer.execute('CREATE TABLE main."a ""b" (x, y TEXT AS (upper(x)))')
    facet._writer.execute('CREATE INDEX main.i ON "a ""b" (x)')
    for value in (
        "'t\x01é'",
        "x'00ff'",
        "1e999",
        "-1e999",
        "NULL",
        "9223372036854775807",
        "CAST(x'ff41' AS TEXT)",
        "0.1",
    ):
        facet._writer.execute(f'INSERT INTO main."a ""b" (x) VALUES ({value})')
    lines = await world.ask("export", "a")
    assert lines[0]["export"] == {
        "app": "words", "namespace": "finance", "tenant": digest("a"), "name": "a", "at": 1000.0, "format": 1,
    }  # fmt: skip
    assert [line["type"] for line in lines if "schema" in line] == ["table", "index"]
    assert [line["columns"] for line in lines if "table" in line] == [["x", "y"]]
    assert [line["row"][0] for line in lines if "row" in line] == [
        "t\x01é", {"base64": "AP8="}, {"real": "inf"}, {"real": "-inf"}, None, 9223372036854775807,
        {"base64": "/0E="}, 0.1,
    ]  # fmt: skip
    assert lines[-1] == {"end": {"lines": {"key": 1, "schema": 2, "table": 1, "row": 8}}}


async def test_a_facet_is_exported_whether_it_is_open_or_not_and_is_none_of_its_tenants_calls(world: World) -> None:
    await world.store("a", '"of a"')
    for tenant in ("b", "c"):
        await world.store(tenant, "1")
    assert world.facets.find("a", called=False) is None
    before = (world.folder / f"{digest('a')}.tenant").stat().st_mtime_ns
    assert {"key": "word", "value": '"of a"'} in await world.ask("export", "a")
    assert (world.folder / f"{digest('a')}.tenant").stat().st_mtime_ns == before
    assert not world.facets.read_elsewhere


async def test_a_file_of_an_older_layout_is_exported(world: World) -> None:
    await world.store("a", '"of a"')
    for tenant in ("b", "c"):
        await world.store(tenant, "1")
    with sqlite3.connect(world.folder / f"{digest('a')}.sqlite") as older:
        older.execute("DROP TABLE genapps_ages")
        older.execute("DROP TABLE genapps_marks")
        older.execute("PRAGMA user_version=1")
    older.close()
    assert (await world.ask("export", "a"))[-1] == {"end": {"lines": {"key": 1}}}


async def test_whoever_is_deleted_is_refused_until_it_is_done_and_counts_no_more(world: World) -> None:
    facet = await world.store("a", "1")
    facet.users += 1
    deleting = asyncio.create_task(world.ask("delete", "a", world.made(replace(world.place, patience_seconds=60.0))))
    await until(lambda: bool(world.facets.barred))
    assert world.facets.find("a") is None
    refused: asyncio.Future[Facet | Exception] = asyncio.get_running_loop().create_future()
    world.facets.open("a", refused.set_result)
    assert isinstance(await refused, FacetsBusyError)
    other = await world.store("b", "2")
    assert world.facets.find("b") is other
    facet.users -= 1
    lines = await deleting
    assert lines[-1]["end"]["files"] >= 2
    assert world.facets.known == 1
    view = (await world.facet("a")).view()
    assert view.get("word") is None
    view.close()


async def test_a_request_that_does_not_end_keeps_all_of_it(world: World) -> None:
    facet = await world.store("a", "1")
    facet.users += 1
    assert code_of(await world.ask("delete", "a")) == "Busy"
    assert world.facets.find("a") is facet
    assert not world.facets.barred
    facet.users -= 1


async def test_what_the_app_had_without_tenants_can_be_deleted_and_counts_for_nothing(world: World) -> None:
    world.facets.get(DEFAULT_TENANT)
    await world.store("a", "1")
    assert "end" in (await world.ask("delete", DEFAULT_TENANT))[-1]
    assert world.facets.known == 1
    assert (await world.ask("delete", "nobody"))[-1] == {"end": {"files": 0, "bytes": 0, "entries": 0}}


async def test_an_app_without_tenants_is_deleted_as_a_whole_or_not_at_all(world: World) -> None:
    facet = await world.store("a", "1")
    assert code_of(await world.ask("delete", "a", world.made(replace(world.place, one_tenant=True)))) == "OneTenant"
    assert world.facets.find("a") is facet


async def test_one_operation_at_a_time(world: World) -> None:
    await world.store("a", "1")
    reading = asyncio.Event()
    export = asyncio.create_task(world.ask("export", "a", reader=Reader(reading.wait)))
    await until(lambda: bool(world.facets.read_elsewhere))
    assert code_of(await world.ask("delete", "a")) == "Busy"
    reading.set()
    assert "end" in (await export)[-1]


async def test_a_list_has_pages(world: World) -> None:
    hashes = sorted(digest(str(number)) for number in range(PAGE + 1))
    for one in hashes:
        (world.folder / f"{one}.sqlite").write_bytes(b"12")
    (world.folder / "notes.sqlite").write_bytes(b"")
    *first, end = await world.ask("list")
    assert [line["tenant"] for line in first] == hashes[:PAGE]
    assert end == {"end": {"tenants": PAGE, "more": True}}
    assert (first[0]["bytes"], first[0]["name"]) == (2, None)
    reader = Reader()
    question = "\0".join(("list", "finance", "words", hashes[PAGE - 1], "ana")).encode()
    await world.operations.answer(question, cast("asyncio.StreamWriter", reader))
    (last, end) = reader.lines()
    assert (last["tenant"], end["end"]["more"]) == (hashes[PAGE], False)


async def test_an_export_ends_when_the_tenant_writes_more_than_is_read(world: World) -> None:
    facet = await world.store("a", LARGE)
    for number in range(3):
        facet._writer.execute("INSERT INTO genapps_entries VALUES (?, ?, 1)", (str(number), LARGE))

    async def writes() -> None:
        for _ in range(8):
            await world.store("a", LARGE)

    assert code_of(await world.ask("export", "a", reader=Reader(writes))) == "TooSlow"
    assert not facet.log.full, "the tenant was never refused"
    assert "end" in (await world.ask("export", "a"))[-1]


async def test_an_export_ends_before_its_tenant_is_refused_also_with_a_log_that_is_nearly_full(world: World) -> None:
    facet = await world.store("a", LARGE)
    for number in range(3):
        facet._writer.execute("INSERT INTO genapps_entries VALUES (?, ?, 1)", (str(number), LARGE))
    with closing(sqlite3.connect(facet.path)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM genapps_entries LIMIT 1").fetchall()
        while (world.folder / f"{digest('a')}.sqlite-wal").stat().st_size < 0.9 * facet.log.most:
            await world.store("a", LARGE)

    read = 0

    async def writes() -> None:
        nonlocal read
        read += 1
        if read > 1:  # before the second piece it has no snapshot yet
            while not facet.log.full:
                await world.store("a", LARGE)

    assert code_of(await world.ask("export", "a", reader=Reader(writes))) == "TooSlow"
    await world.store("a", LARGE)


async def test_a_table_that_computes_as_it_is_read_does_not_hold_up_the_next_operation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK_SECONDS", 0.01)
    facet = await world.store("a", "1")
    facet._writer.execute("CREATE TABLE main.t (x, y AS (length(hex(zeroblob(400000 + x)))))")
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
    facet._writer.execute(f"INSERT INTO main.t (x) {rows} SELECT i FROM n")
    (_, failed) = await world.ask("export", "a")
    assert failed["error"]["code"] == "Failed"
    assert "computes" in failed["error"]["message"]
    assert "end" in (await world.ask("delete", "a"))[-1]


async def test_an_export_that_nobody_reads_is_cut(world: World) -> None:
    await world.store("a", "1")
    operations = world.made(world.place, reading_seconds=0.0)
    with pytest.raises(TimeoutError):
        await world.ask("export", "a", operations, Reader(asyncio.Event().wait))
    assert not world.facets.read_elsewhere


async def test_a_disk_that_fails_in_a_deletion_has_nobody_remember_the_tenant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facet is out of use then, so no second deletion would find that out."""
    await world.store("a", "1")
    kept: list[set[str]] = []
    world.facets.on_deleted = lambda tenants: kept.append(set(tenants))

    def fail(folder: SafeDir, name: str) -> int:
        raise OSError(errno.EIO if name in folder.names() else errno.ENOENT, "of the disk")

    with monkeypatch.context() as patch:
        patch.setattr(SafeDir, "overwrite", fail)
        assert code_of(await world.ask("delete", "a")) == "Failed"
    assert (world.facets.known, kept) == (0, [set()])
    assert (await world.ask("delete", "a"))[-1]["end"]["files"] > 0
    assert world.facets.known == 0


async def test_a_damaged_file_is_told_and_can_be_deleted(world: World) -> None:
    path = world.folder / f"{digest('a')}.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    assert code_of(await world.ask("export", "a")) == "Failed"
    assert (await world.ask("delete", "a"))[-1]["end"]["files"] == 1
    assert not path.exists()
