# SPDX-License-Identifier: Apache-2.0
"""Claims for tests: pods that start on them one after the other, also killed ones, and what is on them then."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import orjson
import pytest

from genapps_runtime.state import safe_dir
from genapps_runtime.state import volume as volume_module
from genapps_runtime.state.volume import POINTER, Volume

A, B, C = "a" * 12, "b" * 12, "c" * 12
TENANTS = ("1" * 64 + ".sqlite", "2" * 64 + ".sqlite")


@dataclass(frozen=True)
class Start:
    """A pod's start: of `revision`, whose code may not load, and which writes `value` if it does."""

    revision: str
    value: str | None = None
    snapshot: bool = True
    restore: bool = False
    loads: bool = True


def take_over(directory: Path, start: Start) -> None:
    volume = Volume(str(directory), start.revision)
    with closing(volume):
        volume.prepare(snapshot=start.snapshot, restore=start.restore)
        if start.loads:
            volume.hand_over()
    if start.loads and start.value is not None:
        in_child(lambda: _write(Path(volume.facets), str(start.value)))


def _write(facets: Path, value: str) -> None:
    """Ends as a killed process does: what it wrote is in the write-ahead log only."""
    for tenant in TENANTS:
        connection = sqlite3.connect(facets / tenant)
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("CREATE TABLE IF NOT EXISTS entries (value TEXT)")
        connection.execute("INSERT INTO entries VALUES (?)", (value,))
        connection.commit()
    os._exit(0)


def in_child(work: Callable[[], None]) -> int:
    """The exit code of a process that does only that."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def values(facets: Path) -> list[list[str]]:
    """What each tenant's file holds; read in a copy, because reading changes files too."""
    if not any(facets.iterdir()):
        return []
    with closing(_Scratch(facets)) as scratch:
        return [scratch.values(tenant) for tenant in TENANTS]


class _Scratch:
    def __init__(self, facets: Path) -> None:
        self.path = facets.parent.parent / "scratch"
        shutil.copytree(facets, self.path)

    def values(self, tenant: str) -> list[str]:
        with closing(sqlite3.connect(self.path / tenant)) as connection:
            return [row[0] for row in connection.execute("SELECT value FROM entries")]

    def close(self) -> None:
        shutil.rmtree(self.path)


def found(directory: Path) -> dict[str, Any]:
    """All that counts on a claim, without the names of folders; raises when something lies around."""
    pointer = orjson.loads((directory / POINTER).read_bytes())
    named = {POINTER, pointer["folder"], *([pointer["copy"]["folder"]] if pointer["copy"] else [])}
    assert {path.name for path in directory.iterdir()} == named
    copy = pointer["copy"] and (pointer["copy"]["revision"], values(directory / pointer["copy"]["folder"]))
    return {"revision": pointer["revision"], "values": values(directory / pointer["folder"]), "copy": copy}


def both(*written: str) -> list[list[str]]:
    return [list(written)] * len(TENANTS)


def die_at(calls: int, files: Container[str]) -> None:
    """End this process, as by SIGKILL, before the call into C with this number that these files make."""
    left = [calls]

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "c_call" and frame.f_code.co_filename in files:
            left[0] -= 1
            if not left[0]:
                os._exit(9)

    sys.setprofile(count)


def killed(directory: Path, start: Start) -> Iterator[Path]:
    """Claims as a start leaves them that is killed: before its first call into the system, its second, ..."""
    files = {volume_module.__file__, safe_dir.__file__, shutil.__file__}
    for calls in range(1, 1000):
        volume = directory.with_name("killed")
        shutil.copytree(directory, volume)

        def run(volume: Path = volume, calls: int = calls) -> None:
            die_at(calls, files)
            take_over(volume, start)

        code = in_child(run)
        assert code in (0, 9)
        if code == 0:
            assert calls > 10
            return
        yield volume
        shutil.rmtree(volume)
    pytest.fail("there is no end to it")
