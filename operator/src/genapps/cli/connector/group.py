# SPDX-License-Identifier: Apache-2.0
"""The subcommands of `genapps connector` as the command line has them; the work is imported when one runs."""

from importlib import import_module

import click


@click.group()
def connector() -> None:
    """Make Connectors, compare them, and print typed stubs of their tools.

    Nothing here reads a cluster or the network. FILE may be - for standard
    input.
    """


@connector.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
def diff(old: str, new: str) -> None:
    """Print what the Connector in NEW changes against the one in OLD.

    Each line begins with narrower, wider or changed. A narrowing holds at once
    for all apps. For apps above Development the rest waits for a review.

    Exit code 0: nothing, or narrower. 1: something is wider, or is changed and
    needs a review. 2: a file cannot be read or is no valid Connector.
    """
    raise SystemExit(import_module("genapps.cli.connector.command").diff(old, new))
