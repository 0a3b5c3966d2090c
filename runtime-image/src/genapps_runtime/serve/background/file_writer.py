# SPDX-License-Identifier: Apache-2.0
"""Changes of the queue's file, in a thread of their own and in the order in which they were asked for.

What is asked for while others are being stored is stored together: one flush of the disk for all.
"""

import asyncio
import sqlite3
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from genapps_runtime import logs
from genapps_runtime.serve.background.entries import Change, EntryFile


class FileWriter:
    """Stores changes of `file`."""

    def __init__(self, file: EntryFile) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(1, "background queue")
        self._asked: list[Change] = []
        self._storing: asyncio.Task[None] | None = None

    def add(self, change: Change) -> None:
        """Store a change. Its `done` is called on the loop's thread."""
        self._asked.append(change)
        if self._storing is None:
            self._storing = asyncio.get_running_loop().create_task(self._store())

    async def ask(self, run: Callable[[sqlite3.Connection], Any]) -> Any:
        """What `run` gives, in its turn and durably; raises sqlite3.Error."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def took(found: Any, error: sqlite3.Error | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(found)

        self.add(Change(run, took))
        return await done

    async def empty_log(self) -> None:
        """What `EntryFile.empty_log` does."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._file.empty_log)

    async def close(self) -> None:
        """Store what was asked for, then close the file."""
        while self._storing is not None:
            await self._storing
        self._thread.shutdown()
        self._file.close()

    async def _store(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._asked:
                changes, self._asked = self._asked, []
                found = await loop.run_in_executor(self._thread, self._file.store, changes)
                for change, outcome in zip(changes, found, strict=True):
                    try:
                        change.done(*outcome)
                    except Exception:
                        logs.write("runtime failed", level="error", trace=traceback.format_exc())
        finally:
            self._storing = None
