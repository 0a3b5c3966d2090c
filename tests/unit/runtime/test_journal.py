# SPDX-License-Identifier: Apache-2.0
"""The journal of tool calls: each record is there as a whole or not at all, and it stays within its bounds."""

import asyncio
import errno
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from genapps_runtime.state import journal as journal_module
from genapps_runtime.state.errors import JournalFullError, StateUnavailableError
from genapps_runtime.state.journal import FOLDER, OUTCOME_BYTES, Intent, Journal
from genapps_runtime.state.journal_file import JournalFile
from genapps_runtime.state.safe_dir import SafeDir

RETENTION, SCOPE, REQUEST = 100, b"s" * 16, b"r" * 16
RECORDS = [b"first", b"\0" * 9, b"x" * 300, b"last"]


class World:
    """A volume, the clock, and the scopes that have a mark."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = 1000.0
        self.marked: set[bytes] = set()

    def open(self) -> Journal:
        return Journal(str(self.directory), "t", RETENTION, self.marked.__contains__, lambda: self.now)

    @property
    def file(self) -> Path:
        (found,) = (self.directory / FOLDER).iterdir()
        return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def intent(number: int, outcome: str | None = None) -> Intent:
    return Intent(number, "shop", "pay", "aa", outcome)


async def called(journal: Journal, number: int, outcome: str | None = None, scope: bytes = SCOPE) -> None:
    """One call, with its outcome if there is one."""
    one = intent(number)
    await journal.intend(scope, REQUEST, one)
    one.outcome, one.wrote = outcome, True
    await journal.ended(scope, one)


def numbers(journal: Journal, scope: bytes = SCOPE) -> list[tuple[int, str | None]]:
    found = journal.unfinished(scope)
    return [(one.number, one.outcome) for one in found.intents] if found is not None else []


async def test_calls_and_outcomes_are_there_after_a_kill(world: World) -> None:
    async with aclosing(_Closing(world.open())) as one:
        assert not (world.directory / FOLDER).exists()
        await called(one.journal, 1, '"paid"')
        await called(one.journal, 2)
    async with aclosing(_Closing(world.open())) as one:
        assert numbers(one.journal) == [(1, '"paid"'), (2, None)]
        found = one.journal.unfinished(SCOPE)
        assert found is not None
        assert (found.request, found.at) == (REQUEST, 1000)
        assert one.journal.unfinished(b"other") is None


class _Closing:
    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    async def aclose(self) -> None:
        await self.journal.close()


async def test_what_has_a_mark_or_is_too_old_counts_for_nothing(world: World) -> None:
    async with aclosing(_Closing(world.open())) as one:
        await called(one.journal, 1, scope=b"marked")
        await called(one.journal, 1, scope=b"old")
        await called(one.journal, 1, scope=b"finished")
        one.journal.finish(b"finished")
        assert numbers(one.journal, b"finished") == []
        world.now += RETENTION - 1
        await called(one.journal, 1, scope=b"new")
        assert numbers(one.journal, b"old") == [(1, None)]
        world.now += 1
        assert numbers(one.journal, b"old") == []
    world.marked.add(b"marked")
    async with aclosing(_Closing(world.open())) as one:
        assert [numbers(one.journal, scope) for scope in (b"marked", b"old", b"new")] == [[], [], [(1, None)]]


async def test_a_key_that_is_used_anew_has_nothing_of_what_was_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is killed before the file is cleaned. The first new call meets a full disk."""
    killed, replace = world.open(), JournalFile.replace
    await called(killed, 1, '"read"')
    await called(killed, 2, '"read"')
    killed.finish(SCOPE)  # its answer was one that is not kept

    def full(file: JournalFile, records: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(JournalFile, "replace", full)
    with pytest.raises(JournalFullError):
        await killed.intend(SCOPE, b"other", intent(1))
    monkeypatch.setattr(JournalFile, "replace", replace)
    await killed.intend(SCOPE, b"other", intent(1))
    after = world.open()
    found = after.unfinished(SCOPE)
    assert found is not None
    assert (found.request, numbers(after)) == (b"other", [(1, None)])
    await killed.close()
    await after.close()


def written(folder: SafeDir, records: list[bytes]) -> bytes:
    file = JournalFile(folder, "j", 10_000)
    file.append(records[:2])
    for record in records[2:]:
        file.append([record])
    file.close()
    return folder.read("j", 10_000) or b""


def test_a_journal_that_was_cut_at_any_byte_keeps_every_whole_record(tmp_path: Path) -> None:
    folder = SafeDir(str(tmp_path))
    content = written(folder, RECORDS)
    ends = [sum(8 + len(record) for record in RECORDS[:count]) for count in range(len(RECORDS) + 1)]
    assert ends[-1] == len(content)
    for cut in range(len(content) + 1):
        (tmp_path / "j").write_bytes(content[:cut])
        file = JournalFile(folder, "j", 10_000)
        whole = sum(end <= cut for end in ends) - 1
        assert file.records == RECORDS[:whole], cut
        file.append([b"more"])
        file.close()
        again = JournalFile(folder, "j", 10_000)
        assert again.records == [*RECORDS[:whole], b"more"]
    folder.close()


@pytest.mark.parametrize("tail", [b"\0" * 50, b"\xff" * 50, b"\0\0\0\5abcdhello"])
def test_a_tail_that_never_was_a_record_is_taken_away(tmp_path: Path, tail: bytes) -> None:
    folder = SafeDir(str(tmp_path))
    content = written(folder, RECORDS)
    (tmp_path / "j").write_bytes(content + tail)
    assert JournalFile(folder, "j", 10_000).records == RECORDS
    assert (tmp_path / "j").read_bytes() == content
    folder.close()


def test_a_record_that_changed_before_others_is_damage_and_stops_the_start(tmp_path: Path) -> None:
    folder = SafeDir(str(tmp_path))
    content = bytearray(written(folder, RECORDS))
    content[8] ^= 1
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(StateUnavailableError, match="damaged at byte 0"):
        JournalFile(folder, "j", 10_000)
    assert (tmp_path / "j").read_bytes() == content
    folder.close()


async def test_a_record_of_another_runtime_stops_the_start(world: World) -> None:
    async with aclosing(_Closing(world.open())) as one:
        await called(one.journal, 1)
    folder = SafeDir(str(world.directory / FOLDER))
    for record in (b"{}", b"[]", b"no JSON", b'{"scope":"zz"}', b'{"scope":"73","connector":1}'):
        whole = world.file.read_bytes()
        file = JournalFile(folder, world.file.name, 10_000)
        file.append([record])
        file.close()
        with pytest.raises(StateUnavailableError, match="another runtime"):
            world.open()
        world.file.write_bytes(whole)
    folder.close()


def test_a_link_in_the_place_of_the_journal_is_not_followed(world: World, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (world.directory / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateUnavailableError, match="cannot read the journal"):
        world.open()


async def test_a_full_journal_takes_no_further_call_until_requests_are_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "LIVE_BYTES", 1000)
    async with aclosing(_Closing(world.open())) as one:
        await called(one.journal, 1, scope=b"%16d" % 0)
        size = one.journal._live_bytes
        for number in range(1, 1000 // size):
            await called(one.journal, 1, scope=b"%16d" % number)
        with pytest.raises(JournalFullError, match="not finished"):
            await called(one.journal, 1, scope=b"one beyond")
        one.journal.finish(b"%16d" % 0)
        await called(one.journal, 1, scope=b"one more")
        with pytest.raises(JournalFullError):
            await called(one.journal, 1, scope=b"and one more")
        world.now += RETENTION
        await called(one.journal, 1, scope=b"and one more")


async def test_an_outcome_that_is_too_large_is_as_one_that_nobody_knows(world: World) -> None:
    async with aclosing(_Closing(world.open())) as one:
        await called(one.journal, 1, "x" * (OUTCOME_BYTES - 200))
        await called(one.journal, 2, "x" * OUTCOME_BYTES)
    async with aclosing(_Closing(world.open())) as one:
        assert [outcome is None for _, outcome in numbers(one.journal)] == [False, True]


async def test_the_file_is_written_anew_when_most_of_it_is_finished(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "LIVE_BYTES", 2000)
    sizes = []
    async with aclosing(_Closing(world.open())) as one:
        await called(one.journal, 1, '"kept"')
        for number in range(60):
            await called(one.journal, 1, '"gone"', scope=b"%16d" % number)
            one.journal.finish(b"%16d" % number)
            sizes.append(world.file.stat().st_size)
        one.journal._clean_now()
        assert one.journal._storing is not None
        await one.journal._storing
        assert world.file.stat().st_size == one.journal._live_bytes
        await called(one.journal, 2)
        await called(one.journal, 1, '"gone"', scope=b"gone")
        one.journal.finish(b"gone")
    assert b"gone" not in world.file.read_bytes()
    assert max(sizes) < 2 * 2000 + 500
    assert min(sizes[20:]) < 2000
    (world.directory / FOLDER / (world.file.name + ".new")).write_bytes(b"left by a kill")
    async with aclosing(_Closing(world.open())) as one:
        assert numbers(one.journal) == [(1, '"kept"'), (2, None)]
        assert world.file.exists()
        world.now += RETENTION
    assert world.file.read_bytes() == b""


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, JournalFullError), (errno.EIO, StateUnavailableError)])
async def test_a_disk_that_takes_half_a_record_leaves_the_journal_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    async with aclosing(_Closing(world.open())) as one:
        await called(one.journal, 1, '"paid"')
        before, write = world.file.read_bytes(), os.write

        def half(descriptor: int, content: memoryview) -> int:
            if len(content) < 20:
                raise OSError(number, os.strerror(number))
            return write(descriptor, content[: len(content) // 2])

        monkeypatch.setattr(os, "write", half)
        with pytest.raises(error):
            await one.journal.intend(SCOPE, REQUEST, intent(2))
        assert world.file.read_bytes() == before
        monkeypatch.undo()
        assert numbers(one.journal) == [(1, '"paid"')]
        await called(one.journal, 2)
    async with aclosing(_Closing(world.open())) as one:
        assert numbers(one.journal) == [(1, '"paid"'), (2, None)]


def test_what_could_not_be_cut_is_cut_before_the_next_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, write, truncate = SafeDir(str(tmp_path)), os.write, os.ftruncate
    file = JournalFile(folder, "j", 10_000)
    file.append([b"first"])

    def half(descriptor: int, content: memoryview) -> int:
        monkeypatch.setattr(os, "write", broken)
        return write(descriptor, content[:4])

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(os, "ftruncate", broken)
    for _ in range(2):
        with pytest.raises(OSError, match="broken"):
            file.append([b"lost"])
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "ftruncate", truncate)
    file.append([b"second"])
    file.close()
    assert JournalFile(folder, "j", 10_000).records == [b"first", b"second"]
    folder.close()


def test_what_comes_after_a_flush_that_failed_is_in_the_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, flush = SafeDir(str(tmp_path)), SafeDir.flush
    file = JournalFile(folder, "j", 10_000)
    file.append(RECORDS)

    def broken(_folder: SafeDir) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(SafeDir, "flush", broken)
    with pytest.raises(OSError, match="input"):
        file.replace(RECORDS[:1])
    monkeypatch.setattr(SafeDir, "flush", flush)
    file.append([b"after"])
    file.close()
    assert JournalFile(folder, "j", 10_000).records == [RECORDS[0], b"after"]
    folder.close()


async def test_calls_that_come_together_share_a_flush(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes = []
    flush = os.fdatasync

    def counted(descriptor: int) -> None:
        flushes.append(descriptor)
        flush(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    async with aclosing(_Closing(world.open())) as one:
        await asyncio.gather(*(called(one.journal, 1, scope=b"%16d" % number) for number in range(20)))
        assert len(flushes) <= 2
