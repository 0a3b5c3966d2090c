# SPDX-License-Identifier: Apache-2.0
"""An app that is served, and served anew after each change; what does not load leaves the code of before in place.

Callers connect to one socket of ours, which every runtime process inherits. So none is refused while one process takes
the place of another: the connection waits. The state is in one folder, which one process at a time has open.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from genapps.api import quantities
from genapps.api.envelope import RiskClass
from genapps.api.names import SYSTEM_NAMESPACE
from genapps.api.source import Language
from genapps.cluster import clocks
from genapps.core.desired.pod import DEBUG, FRESH
from genapps.core.risk import effective_risk
from genapps.core.runtime_config import runtime_config
from genapps.core.verdict import Grant
from genapps.laptop.answering import Answering, Situation
from genapps.laptop.changes import Mark, left_out, mark
from genapps.laptop.engine import engine_file
from genapps.laptop.gateway import LocalGateway
from genapps.laptop.named import Named, SourceError
from genapps.laptop.offers import caller, offers
from genapps.laptop.process import DidNotStartError, Prepared, RuntimeProcess
from genapps.laptop.source import AppSource, read_app
from genapps.laptop.stubs import Stubs, read_stubs
from genapps.laptop.terminal import printable
from genapps.laptop.unavailable import Unavailable

LOOK_SECONDS = 0.05
LOOK_SHARE = 20
"""Looking for changes takes at most one part in so many of a core, however many files there are."""
SETTLE_SECONDS = 0.015
"""An editor empties a file before it writes it."""
_ERROR = "error "


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are."""

    run: Path
    """For this session: files of the processes."""
    state: Path
    engine: Path | None
    """In place of the installed one."""
    stubs: Path | None


class Session:
    """Serves until it is cancelled; then call `close`."""

    def __init__(
        self,
        named: Named,
        place: Place,
        listener: socket.socket,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        spare: RuntimeProcess,
    ) -> None:
        """`listener` is the socket that callers connect to, `spare` a process that waits for the first app."""
        self._named = named
        self._place = place
        self._listener = listener
        self._environ = environ
        self._say = say
        self._answering = Answering(lambda said: say(f"  gateway: {printable(said)}"))
        self._gateway = LocalGateway(place.run, self._answering)
        self._unavailable = Unavailable(listener)
        self._running: RuntimeProcess | None = None
        self._spare: RuntimeProcess | None = spare
        self._good: tuple[Prepared, Situation] | None = None
        self._served = 0

    async def run(self) -> None:
        """Serve the app, and serve it anew whenever something of it changes."""
        if self._named.path.is_dir() and (without := left_out(self._named.path)):
            self._say(f"note  no part of the app: {', '.join(without)}")
        await self._gateway.open()
        seen = self._mark()
        await self._reload(None)
        while True:
            before = seen
            seen = await self._changed(before)
            await self._reload(_names(before, seen))

    async def close(self) -> None:
        """End every process."""
        self._unavailable.close()
        for process in (self._running, self._spare):
            if process is not None:
                await process.stop()
        await self._gateway.close()

    def _mark(self) -> Mark:
        watched = (*self._named.watched(), *((self._place.stubs,) if self._place.stubs else ()))
        return mark(watched)

    async def _changed(self, before: Mark) -> Mark:
        """The mark of the files, once it is another one."""
        while True:
            begun = clocks.monotonic()
            found = self._mark()
            took = clocks.monotonic() - begun
            if found != before:
                await asyncio.sleep(SETTLE_SECONDS)
                return self._mark()
            running = self._running
            pause = max(LOOK_SECONDS, LOOK_SHARE * took)
            if running is None:
                await asyncio.sleep(pause)
                continue
            with suppress(TimeoutError):
                code = await asyncio.wait_for(running.ended(), pause)
                await self._lost(f"the runtime ended with {code}: change a file to start it again")

    async def _reload(self, changed: str | None) -> None:
        """Serve what is there now. What is refused is told, and what ran before goes on."""
        begun = clocks.monotonic()
        try:
            source, situation, prepared = await self._prepared()
        except SourceError as error:
            await self._refused(str(error))
            return
        if changed is None:
            for note in source.notes:
                self._say(f"note  {printable(note)}")
            for one in source.app.spec.schedules:
                when = f"{one.cron} {one.time_zone}"
                self._say(f"schedule  {one.name} at {when}; now: genapps tick {self._named.path} {one.name}")
        try:
            routes = await self._replace(prepared, situation)
        except DidNotStartError as error:
            await self._back(str(error))
            return
        self._good = prepared, situation
        took = clocks.monotonic() - begun
        self._say(f"{f'changed: {changed}; ' if changed else ''}serving after {took:.2f} s: {_routes(routes)}")
        await self._make_spare()

    async def _prepared(self) -> tuple[AppSource, Situation, Prepared]:
        """What there is to serve. Raises SourceError."""
        stubs = read_stubs(self._place.stubs) if self._place.stubs else Stubs()
        source = read_app(self._named, stubs.connectors)
        app, envelope = source.app, source.app.spec.envelope
        situation = Situation(caller(source), offers(source, stubs), stubs)
        risk = effective_risk(envelope.risk_class, envelope.connectors, source.connectors)
        record = situation.app.record
        grant = Grant(
            record.budget, envelope.owner.team, record.run_namespace, source.tier, record.violation_policy, risk
        )
        config = runtime_config(app, grant, SYSTEM_NAMESPACE, source.bundle.digest, source.bundle.entry)
        flags = (DEBUG, FRESH) if risk is RiskClass.HIGH else (DEBUG,)
        engine = await self._engine(app.spec.code.language)
        millicores = quantities.millicores(source.tier.cpu)
        files = source.bundle.files
        prepared = Prepared(config.content(), source.bundle.digest, files, flags, engine, millicores)
        return source, situation, prepared

    async def _engine(self, language: Language) -> Path | None:
        """None for an app that is a component: the runtime compiles it, as in a pod. Raises SourceError."""
        if language is Language.COMPONENT:
            return None
        return await engine_file(language, self._place.engine, self._environ, self._say)

    async def _replace(self, prepared: Prepared, situation: Situation) -> list[str]:
        """Serve this in place of what is served; the routes. Raises DidNotStartError when nothing is served now."""
        spare, self._spare = self._spare, None
        process = spare if spare is not None and not spare.has_ended else await self._make()
        await self._stop_running()
        self._unavailable.close()
        self._answering.situation = situation
        self._running = process
        try:
            return await process.serve(prepared, *self._place_of_next())
        except DidNotStartError:
            await self._stop_running()
            raise

    async def _stop_running(self) -> None:
        if self._running is not None:
            await self._running.stop()
            self._running = None

    async def _make_spare(self) -> None:
        if self._spare is None:
            self._spare = await self._make()

    async def _make(self) -> RuntimeProcess:
        return await RuntimeProcess.started(self._listener.fileno(), self._say)

    def _place_of_next(self) -> tuple[Path, dict[str, object]]:
        """A folder, and the settings that all processes share."""
        self._served += 1
        return self._place.run / str(self._served), {
            "gateway_ca_file": self._gateway.authority_file,
            "token_file": self._gateway.token_file,
            "state_directory": self._place.state,
            "gateway_address": "127.0.0.1",
            "gateway_port": self._gateway.port,
            "canary_port": self._gateway.canary_port,
        }

    async def _back(self, why: str) -> None:
        """The new code does not load: serve that of before."""
        if self._good is None:
            await self._refused(why)
            return
        self._tell_error(why)
        try:
            await self._replace(*self._good)
        except DidNotStartError as error:
            await self._lost(f"the code of before does not start again: {error}")
            return
        self._say("the code of before goes on")
        await self._make_spare()

    async def _refused(self, why: str) -> None:
        self._tell_error(why)
        if self._running is not None:
            self._say("the code of before goes on")
        else:
            await self._unavailable.open(why)

    async def _lost(self, why: str) -> None:
        self._tell_error(why)
        await self._stop_running()
        await self._unavailable.open(why)

    def _tell_error(self, why: str) -> None:
        for line in why.splitlines():
            self._say(f"{_ERROR}{printable(line)}")


def _names(before: Mark, now: Mark) -> str:
    """The files that differ, in a few words."""
    names = sorted({Path(one[0]).name for one in set(before) ^ set(now)})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "files"


def _routes(routes: Iterable[str]) -> str:
    return printable(", ".join(routes)) or "no routes"
