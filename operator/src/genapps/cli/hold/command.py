# SPDX-License-Identifier: Apache-2.0
"""Writes a hold, previews one, or resumes what one stopped; each returns the exit code."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

import click

from genapps.api.apphold import AppHold
from genapps.cli.check.documents import UnreadableError
from genapps.cli.hold.blast_radius import as_text, blast_radius, doubts
from genapps.cli.hold.order import Manifest, hold_of_file, hold_of_options, manifest
from genapps.cli.hold.resuming import Batches, Pace, Resuming, StoppedError
from genapps.cluster.client import Client
from genapps.cluster.clocks import monotonic, utc_now
from genapps.cluster.connection import connect
from genapps.cluster.errors import ApiError, ConflictError, ForbiddenError, InvalidError
from genapps.cluster.resources import GENERATED_APP
from genapps.core.holds import in_force
from genapps.core.text import plain
from genapps.environment import SettingsError

__all__ = ["manifest", "preview", "preview_file", "resume", "write"]

_HOLD, _RESUME = "genapps-hold", "genapps-resume"
"""Field managers."""
_ERROR_CHARACTERS = 1024
_Work = Callable[[Client], Coroutine[Any, Any, int]]


def write(order: Manifest, environ: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> int:
    """Create the AppHold: 0 written, 1 refused, 2 invalid or no cluster."""
    try:
        hold = hold_of_options(order)
    except UnreadableError as error:
        return _fail("hold", str(error), 2)
    if not in_force(hold, now()):
        return _fail("hold", "the options: spec.until: is over; a hold would stop nothing", 2)
    name = hold.metadata.name
    # The time as the API server takes it, whatever form was given.
    spec = hold.spec.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def work(client: Client) -> int:
        try:
            await client.create({**order, "spec": spec})
        except ConflictError:
            return _fail("hold", f"there is an AppHold {name}; kubectl get apphold {name} -o yaml shows it", 1)
        except (ForbiddenError, InvalidError) as error:
            return _fail("hold", f"{error.message or error}. See ClusterRole genapps-platform", 1)
        click.echo(f"AppHold {name} is written. kubectl get apphold {name} shows how many apps it matches.")
        return 0

    return _run("hold", _HOLD, work, environ)


def preview(order: Manifest, environ: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> int:
    """Print what a hold of these options would match: 0 printed, 2 invalid or no cluster."""
    return _preview(lambda: hold_of_options(order), environ, now)


def preview_file(path: str, environ: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> int:
    """Print what the AppHold of a file would match: 0 printed, 2 invalid or no cluster."""
    return _preview(lambda: hold_of_file(path), environ, now)


def _preview(read: Callable[[], AppHold], environ: Mapping[str, str], now: Callable[[], datetime]) -> int:
    try:
        hold = read()
    except UnreadableError as error:
        return _fail("hold", str(error), 2)

    async def work(client: Client) -> int:
        found = blast_radius(hold.spec.selector, (await client.list(GENERATED_APP)).items)
        click.echo(as_text(found))
        for doubt in doubts(found):
            click.echo(f"genapps hold: {doubt}", err=True)
        if not in_force(hold, now()):
            click.echo("genapps hold: spec.until is over; the hold would stop nothing", err=True)
        return 0

    return _run("hold", _HOLD, work, environ)


def resume(name: str, namespace: str | None, size: int, seconds: float, environ: Mapping[str, str]) -> int:
    """Resume what a hold suspended: 0 all resumed, 1 not all, 2 no cluster."""

    async def work(client: Client) -> int:
        resuming = Resuming(client, name, Batches(size, seconds), Pace(monotonic, asyncio.sleep), click.echo)
        try:
            await resuming.run(namespace)
        except StoppedError as error:
            _fail("resume", f"stopped: {error}", 1)
        click.echo(f"{resuming.resumed} resumed, {resuming.left} left.")
        return int(resuming.left > 0)

    return _run("resume", _RESUME, work, environ)


def _run(command: str, field_manager: str, work: _Work, environ: Mapping[str, str]) -> int:
    async def connected() -> int:
        async with Client(connect(environ), field_manager) as client:
            return await work(client)

    try:
        return asyncio.run(connected())
    except (SettingsError, ApiError) as error:
        return _fail(command, str(error), 2)


def _fail(command: str, text: str, code: int) -> int:
    click.echo(f"genapps {command}: {plain(text, _ERROR_CHARACTERS)}", err=True)
    return code
