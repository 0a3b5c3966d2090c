# SPDX-License-Identifier: Apache-2.0
"""The command: it takes the port and the folder of the state, and serves until it is told to end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from genapps.laptop.engine import need_runtime
from genapps.laptop.named import LOCK, Named, SourceError, state_of
from genapps.laptop.process import RuntimeProcess, socket_name

if TYPE_CHECKING:
    from genapps.laptop.session import Session

BACKLOG = 1024


def run(
    named: Named,
    *,
    port: int,
    stubs: Path | None,
    state: Path | None,
    engine: Path | None,
    environ: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    """Serve the app that is named at `port` of loopback (0: a free one) until SIGINT or SIGTERM. Raises SourceError."""
    if not named.path.exists():
        raise SourceError(f"{named.path}: there is no such file or folder")
    need_runtime()
    kept = state or state_of(named.path)
    with _listening(port) as listener, _held(kept) as claim, tempfile.TemporaryDirectory(prefix="genapps-") as place:
        say(f"http://127.0.0.1:{listener.getsockname()[1]}  state in {kept}  Ctrl-C ends it")

        def session(spare: RuntimeProcess) -> Session:
            # Imported late: it is most of what a start takes, and the first process imports its own meanwhile.
            from genapps.laptop.session import Place, Session

            return Session(named, Place(Path(place), claim, engine, stubs), listener, environ, say, spare)

        asyncio.run(_until_told(session, listener, say))
    say("ended")


async def _until_told(
    make: Callable[[RuntimeProcess], Session], listener: socket.socket, say: Callable[[str], None]
) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    session = make(await RuntimeProcess.started(listener.fileno(), say))
    serving, ending = asyncio.create_task(session.run()), asyncio.create_task(told.wait())
    try:
        await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (serving, ending):
            task.cancel()
        results = await asyncio.gather(serving, ending, return_exceptions=True)
        await session.close()
    for result in results:
        if isinstance(result, Exception):
            raise result


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "cannot be had"
        raise SourceError(f"port {port} of 127.0.0.1: {why}; name another one with --port") from None
    with listener:
        listener.setblocking(False)
        yield listener


@contextmanager
def _held(folder: Path) -> Iterator[Path]:
    """The folder of the claim, while nobody else has it."""
    claim = folder / "claim"
    try:
        claim.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a", encoding="ascii")
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror or 'cannot be used'}; name another folder with --state") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SourceError(f"{folder}: another genapps dev has this state; name another with --state") from None
        lock.truncate(0)
        lock.write(socket_name())
        lock.flush()
        yield claim
