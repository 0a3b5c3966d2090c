# SPDX-License-Identifier: Apache-2.0
"""Prints, writes or deletes what an app's runtime has of its tenants."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import click

from genapps.api.names import AppKey
from genapps.api.tenancy import UNTENANTED, tenant_digest
from genapps.cli.state.asking import NotDoneError, Question, answer
from genapps.cluster.connection import Connection, connect
from genapps.cluster.errors import ApiError, ForbiddenError
from genapps.cluster.exec import CommandFailedError
from genapps.environment import SettingsError

_ROW = "{:<64}  {:>12}  {:<20}  {}"
_DEFAULT = tenant_digest(UNTENANTED)


def print_list(key: AppKey, run_namespace: str, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print the tenants, page by page; the exit code."""

    async def run(connection: Connection) -> None:
        if not as_json:
            click.echo(_ROW.format("SHA-256", "BYTES", "LAST CALL", "NAME"))
        last, more = "", True
        while more:
            more = False
            async with aclosing(answer(connection, Question(key, run_namespace, "list", last))) as lines:
                async for line in lines:
                    found = json.loads(line)
                    if "end" in found:
                        more = found["end"]["more"]
                    else:
                        last = found["tenant"]
                        click.echo(line.decode().rstrip() if as_json else _row(found))

    return _run(run, environ)


def export(key: AppKey, run_namespace: str, tenant: str, output: Path, environ: Mapping[str, str]) -> int:
    """Write the data of a tenant to a new file that only this user may read, or to standard output; the exit code.

    The file has its name when it is whole.
    """
    partial = output.with_name(output.name + ".partial")

    async def run(connection: Connection) -> None:
        question = Question(key, run_namespace, "export", tenant)
        if str(output) == "-":
            await _write(connection, question, sys.stdout.buffer)
            return
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                try:
                    end = await _write(connection, question, file)
                    file.flush()
                    os.fsync(file.fileno())
                    partial.rename(output)
                except BaseException:
                    partial.unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise NotDoneError(f"{error.filename or output}: {error.strerror}") from None
        counts = ", ".join(f"{name} {count}" for name, count in end["lines"].items())
        click.echo(f"{output}: {counts or 'nothing'}")

    if output.exists():
        return _fail(f"{output} exists", 1)
    return _run(run, environ)


async def _write(connection: Connection, question: Question, file: IO[bytes]) -> dict[str, Any]:
    """Returns what the last line says."""
    line = b"{}"
    async with aclosing(answer(connection, question)) as lines:
        async for line in lines:
            file.write(line)
    end: dict[str, Any] = json.loads(line)["end"]
    return end


def delete(key: AppKey, run_namespace: str, tenant: str, environ: Mapping[str, str]) -> int:
    """Delete the data of a tenant; the exit code."""

    async def run(connection: Connection) -> None:
        async with aclosing(answer(connection, Question(key, run_namespace, "delete", tenant))) as lines:
            async for line in lines:
                end = json.loads(line)["end"]
                found = f"deleted {end['files']} files with {end['bytes']} bytes, {end['entries']} entries of the queue"
                click.echo(found if end["files"] or end["entries"] else "the app has no data of this tenant")

    return _run(run, environ)


def _run(work: Callable[[Connection], Coroutine[Any, Any, None]], environ: Mapping[str, str]) -> int:
    try:
        asyncio.run(work(connect(environ)))
    except (NotDoneError, CommandFailedError) as error:
        return _fail(str(error), 1)
    except ForbiddenError as error:
        return _fail(f"{error.message or error}. See ClusterRoles genapps-state and genapps-state-exec", 1)
    except (SettingsError, ApiError) as error:
        return _fail(str(error), 2)
    return 0


def _fail(text: str, code: int) -> int:
    click.echo(f"genapps state: {_shown(text)}", err=True)
    return code


def _row(found: Mapping[str, Any]) -> str:
    called = datetime.fromtimestamp(found["called"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if found["called"] else "-"
    name = found["name"] or ("(the app without tenants)" if found["tenant"] == _DEFAULT else "-")
    return _ROW.format(found["tenant"], found["bytes"], called, _shown(name))


def _shown(text: str) -> str:
    """Hostile text on a terminal."""
    return "".join(one if one.isprintable() else " " for one in text)
