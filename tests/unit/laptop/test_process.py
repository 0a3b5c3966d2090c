# SPDX-License-Identifier: Apache-2.0
"""What hinders a process of the runtime is told, and is no fault of the command."""

import asyncio
import sys
from pathlib import Path

import pytest

from genapps.laptop.process import DidNotStartError, Prepared, RuntimeProcess

PREPARED = Prepared(b"{}", "sha256:" + "0" * 64, {"app.py": b""}, (), None, 100)


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture
async def waiting() -> RuntimeProcess:
    """A process that waits for a line, as the runtime's does, and ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    return RuntimeProcess(process, 0, print)


async def test_files_that_cannot_be_written_are_said(waiting: RuntimeProcess, tmp_path: Path) -> None:
    (tmp_path / "full").write_text("")
    with pytest.raises(DidNotStartError, match="Not a directory"):
        await waiting.serve(PREPARED, tmp_path / "full" / "1", {})
    await waiting.stop()


async def test_a_process_that_ends_before_it_serves_is_said_and_leaves_nothing(
    waiting: RuntimeProcess, tmp_path: Path
) -> None:
    with pytest.raises(DidNotStartError, match="the runtime ended with 0"):
        await waiting.serve(PREPARED, tmp_path / "1", {})
    await waiting.ended()
    assert waiting.has_ended
    await waiting.stop()
    assert left_in(tmp_path) == []
