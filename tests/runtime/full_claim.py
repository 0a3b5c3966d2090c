# SPDX-License-Identifier: Apache-2.0
"""What happens on a claim that is full, read-only, or full at the start: a program, run in mounts of its own.

It mounts a small file system at the first of the two folders that it is given, fills it, and prints what became of each
attempt as JSON.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from genapps_runtime.serve.background import entries
from genapps_runtime.serve.background.entries import Change, Entry, EntryFile
from genapps_runtime.serve.messages import Request
from genapps_runtime.serve.schedules.marks import MarkFile
from genapps_runtime.state.errors import JournalFullError, StateUnavailableError
from genapps_runtime.state.facet import DEFAULT_TENANT, Facet
from genapps_runtime.state.facets import Facets
from genapps_runtime.state.journal import Intent
from genapps_runtime.state.marks import Mark
from genapps_runtime.state.transaction import Commit
from genapps_runtime.state.volume import Volume
from genapps_runtime.termination import RefusedError

SIZE = "24m"
VALUE = json.dumps("x" * 100_000)
FOREVER = 1e12


def mount(directory: str, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)


def take_all(directory: str, name: str) -> None:
    """Somebody else on the disk takes what is left of it."""
    fd = os.open(f"{directory}/{name}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    with suppress(OSError):
        while True:
            os.write(fd, b"x" * 512)
    os.close(fd)


def started(directory: str, revision: str = "r1", *, snapshot: bool = False) -> tuple[Volume, Facets]:
    volume = Volume(directory, revision)
    volume.prepare(snapshot=snapshot, restore=False)
    volume.hand_over()
    facets = Facets(volume.facets, 1024**3, 8, 86_400)
    facets.get(DEFAULT_TENANT)
    return volume, facets


def told(attempt: Callable[[], object]) -> str:
    """What an attempt says that fails; empty when it does not."""
    try:
        attempt()
    except RefusedError as refused:
        return f"{refused.reason}: {refused.message}"
    except (StateUnavailableError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


async def commit(facet: Facet, writes: list[tuple[str, str | None]], mark: Mark | None = None) -> str:
    done = asyncio.get_running_loop().create_future()
    one = Commit(None, writes, mark=mark)
    facet.commit([one], lambda _: done.set_result(None))
    await done
    return type(one.verdict).__name__ if one.verdict else ""


async def by_sql(facet: Facet, text: str) -> str:
    transaction = facet.open()
    assert transaction.begin_action(None) is not None
    try:
        transaction._connection.run(text, [], FOREVER)
        transaction.note_changes(frozenset({"rows"}))
        transaction.end_action([])
    except Exception as error:
        transaction.roll_back()
        return f"{type(error).__name__}: {error}"
    return type(refused).__name__ if (refused := facet.store_now(transaction)) else ""


async def filled(facet: Facet, found: dict[str, Any]) -> int:
    await by_sql(facet, "CREATE TABLE rows (content)")
    await by_sql(facet, "INSERT INTO rows VALUES (zeroblob(100000)), (zeroblob(100000))")
    number = 0
    while not (refused := await commit(facet, [(f"k{number}", VALUE)])):
        number += 1
    found["a put on a full claim"] = refused
    return number


async def on_a_full_claim(directory: str, facet: Facet, found: dict[str, Any]) -> None:
    mark = Mark(b"s" * 32, b"d" * 32, None)
    intent = Intent(1, "shop", "pay", "0a" * 32)
    found["a delete"] = await commit(facet, [("k0", None)])
    found["many deletes"] = "".join([await commit(facet, [(f"k{n}", None)]) for n in range(1, 40)])
    found["a put where something was deleted"] = await commit(facet, [("new", VALUE)])
    found["a delete of a request with a key"] = await commit(facet, [("k41", None)], mark)
    found["a delete by SQL"] = await by_sql(facet, "DELETE FROM rows")
    try:
        await facet.journal.intend(b"s" * 32, b"r" * 32, intent)
        found["an intent of a tool call"] = ""
    except JournalFullError:
        found["an intent of a tool call"] = "JournalFullError"
    found["the free pages are used up"] = ""
    for n in range(1000, 2000):
        if verdict := await commit(facet, [(f"k{n}", VALUE)]):
            found["the free pages are used up"] = verdict
            break
    found["an insert by SQL"] = await by_sql(
        facet, "INSERT INTO rows SELECT zeroblob(200000) FROM (VALUES (1), (2), (3), (4))"
    )
    found["a delete after that"] = await commit(facet, [("k42", None)])
    found["marks of schedules"] = told(MarkFile(directory).store)


async def queued(queue: EntryFile) -> str:
    request = Request("r", "POST", "/", "", [], b"x" * 1_000_000)
    change = Change(entries.add(Entry("id", "default", time.time(), 1, 1), request, "r1"), lambda _found, _error: None)
    ((_, error),) = queue.store([change])
    return error.sqlite_errorname if error else ""


async def while_it_is_full(directory: str, found: dict[str, Any]) -> None:
    queue = EntryFile.open(directory)
    MarkFile(directory).store()
    volume, facets = started(directory)
    facet = facets.get(DEFAULT_TENANT)
    facet._removal.stop()  # else a pass that comes after a second gives the log's room back
    number = await filled(facet, found)
    take_all(directory, "theirs")
    found["free"] = volume._root.free()
    found["an entry of the background"] = await queued(queue)
    await on_a_full_claim(directory, facet, found)
    view = facet.view()
    found["a key that nobody deleted"] = len(view.get(f"k{number - 1}") or "")
    view.close()
    facet.end_batch()
    await facets.close()
    volume.close()
    queue.close()


async def when_there_is_room_again(directory: str, found: dict[str, Any]) -> None:
    volume, facets = started(directory)
    found["a delete when there is room again"] = await commit(facets.get(DEFAULT_TENANT), [("k43", None)])
    await facets.close()
    volume.close()


def starts(directory: str, found: dict[str, Any]) -> None:
    take_all(directory, "more")
    found["a start on a full claim"] = told(lambda: started(directory))
    found["the queue at the start"] = told(lambda: EntryFile.open(directory))
    found["a new revision"] = told(lambda: started(directory, "r2"))
    found["a copy for the way back"] = told(lambda: started(directory, "r2", snapshot=True))
    for name in ("theirs", "more"):
        (Path(directory) / name).unlink()


def starts_without_writing(directory: str, read_only: str, found: dict[str, Any]) -> None:
    subprocess.run(["mount", "--bind", directory, read_only], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", read_only], check=True)
    found["a read-only claim"] = told(lambda: started(read_only))
    found["a read-only claim and a new revision"] = told(lambda: started(read_only, "r2"))
    mount(read_only, "size=64k,ro")
    found["an empty read-only claim"] = told(lambda: started(read_only))


def run(directory: str, read_only: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    mount(directory, f"size={SIZE}")
    asyncio.run(while_it_is_full(directory, found))
    starts(directory, found)
    asyncio.run(when_there_is_room_again(directory, found))
    starts_without_writing(directory, read_only, found)
    return found


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:])))
