# SPDX-License-Identifier: Apache-2.0
"""Runs the subcommands of `genapps connector`; each returns the exit code."""

from __future__ import annotations

from collections.abc import Sequence

import click

from genapps.cli.check.documents import UnreadableError
from genapps.cli.connector.importing import Options, import_mcp, import_openapi
from genapps.cli.connector.reading import read_connector, read_description
from genapps.cli.connector.stubs import stubs as stubs_of
from genapps.core.contracts.changes import Effect, connector_changes


def diff(old: str, new: str) -> int:
    """Print what a new version changes: 0 the same or narrower, 1 wider or in need of a review, 2 unreadable."""
    try:
        before, after = read_connector(old), read_connector(new)
    except UnreadableError as error:
        click.echo(f"genapps connector diff: {error}", err=True)
        return 2
    changes = connector_changes(before.spec, after.spec)
    for change in changes:
        click.echo(change)
    if not changes:
        click.echo("Nothing changes for apps.")
    return int(any(change.effect is not Effect.NARROWER for change in changes))


def import_(form: str, path: str, options: Options) -> int:
    """Print the Connector for a description: 0 printed, 1 something was refused, 2 unreadable."""
    try:
        document = read_description(path)
    except UnreadableError as error:
        click.echo(f"genapps connector import: {error}", err=True)
        return 2
    found = (import_openapi if form == "openapi" else import_mcp)(document, options)
    for refusal in found.refused:
        click.echo(f"refused: {refusal}", err=True)
    click.echo(found.manifest, nl=False)
    return 0 if found.manifest else 1


def stubs(path: str, language: str, tools: Sequence[str]) -> int:
    """Print the stubs of a connector's tools: 0 printed, 1 a tool is not there, 2 unreadable."""
    try:
        connector = read_connector(path)
    except UnreadableError as error:
        click.echo(f"genapps connector stubs: {error}", err=True)
        return 2
    if missing := sorted({*tools} - {tool.name for tool in connector.spec.tools}):
        click.echo(f"genapps connector stubs: there is no tool '{missing[0]}'", err=True)
        return 1
    click.echo(stubs_of(connector, language, tools), nl=False)
    return 0
