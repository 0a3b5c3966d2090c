# SPDX-License-Identifier: Apache-2.0
"""The subcommands of `genapps budget` as the command line has them; the work is imported when one runs."""

import os
from importlib import import_module

import click

from genapps.api.names import SYSTEM_NAMESPACE


@click.group()
def budget() -> None:
    """Look at what AppBudgets spend."""


@budget.command()
@click.argument("name", metavar="NAME")
@click.option("--tokens", type=click.IntRange(0), help="A limit of tokens.")
@click.option("--tool-calls", type=click.IntRange(0), help="A limit of tool calls.")
@click.option("--cpu-seconds", type=click.IntRange(0), help="A limit of CPU seconds.")
@click.option("--usd", default=None, metavar="AMOUNT", help="A limit of US dollars, such as 250 or 0.05.")
@click.option("--current", is_flag=True, help="The current period so far, in place of the last one.")
@click.option("--namespace", default=SYSTEM_NAMESPACE, show_default=True, help="The release's namespace.")
def simulate(
    name: str,
    tokens: int | None,
    tool_calls: int | None,
    cpu_seconds: int | None,
    usd: str | None,
    current: bool,
    namespace: str,
) -> None:
    """Print what limits would have done to the last period of the AppBudget NAME.

    For each limit: whether it would have held everything, or the day on which
    it would have been reached, and how much it would have refused from then
    on. Nothing is written. Reading takes the right to get Ledgers in the
    release's namespace (ClusterRole genapps-platform). Days are those of UTC.

    Exit code 0: every limit would have held everything. 1: one would not.
    2: the cluster could not be read, or there is no such period.
    """
    command = import_module("genapps.cli.budget.command")
    try:
        limits = command.limits(tokens, tool_calls, cpu_seconds, usd)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from problem
    raise SystemExit(command.run(name, limits, os.environ, namespace, current=current))
