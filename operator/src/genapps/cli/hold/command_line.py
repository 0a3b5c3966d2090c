# SPDX-License-Identifier: Apache-2.0
"""The command lines of `genapps hold` and `genapps resume`. What they do is imported when it is needed."""

import os
from importlib import import_module
from typing import Any

import click


@click.command()
@click.argument("name", required=False, default="")
@click.option("--owner", help="The team in spec.envelope.owner.")
@click.option("--risk-class", "riskClass", metavar="CLASS", help="The effective risk class, exactly this one.")
@click.option("--family", help="The family in spec.envelope.")
@click.option("--connector", help="A connector of the envelope.")
@click.option("--code-digest", "codeDigest", metavar="DIGEST", help="The code that runs, or the code in the source.")
@click.option("--namespaces", metavar="A,B", help="The namespaces of the GeneratedApps, with commas between them.")
@click.option("--all", "all", is_flag=True, help="Every app of the cluster; stands alone.")
@click.option("--reason", default="", help="Why. Authors of the apps read it in their status.")
@click.option(
    "--until", metavar="TIME", help="When it ends, such as 2026-12-01T08:00:00Z. Default: when it is deleted."
)
@click.option("--dry-run", is_flag=True, help="Write nothing, and print what it would match.")
@click.option("-f", "--filename", metavar="FILE", help="With --dry-run: an AppHold in a file, or - for standard input.")
def hold(
    name: str, reason: str, until: str | None, dry_run: bool, filename: str | None, **selector: str | bool | None
) -> None:
    """Stop every app that the options match, with an AppHold called NAME.

    All options that are given must fit. Nothing starts on its own when the
    hold is deleted or its time is over: see genapps resume. You need the verb
    create on appholds (ClusterRole genapps-platform).

    --dry-run writes nothing. It prints how many apps match by namespace, owner
    and effective risk, as their status tells, and needs neither NAME nor
    --reason. You need the verb list on generatedapps of the whole cluster.

    Exit code 0: written, or printed. 1: refused. 2: the cluster could not be
    read, the options or the file hold no AppHold, or wrong usage.
    """
    fields: dict[str, Any] = {field: value for field, value in selector.items() if value not in (None, False)}
    if filename is not None:
        if not dry_run:
            raise click.UsageError("-f is for --dry-run; kubectl create -f writes the hold")
        if name or fields or reason or until:
            raise click.UsageError("-f stands without NAME and the options of a hold")
    elif not dry_run and not (name and reason):
        raise click.UsageError("give the hold a NAME and a --reason, or ask with --dry-run")
    if "namespaces" in fields:
        fields["namespaces"] = fields["namespaces"].split(",")
    command = import_module("genapps.cli.hold.command")
    if filename is not None:
        raise SystemExit(command.preview_file(filename, os.environ))
    order = command.manifest(name, fields, reason, until)
    raise SystemExit((command.preview if dry_run else command.write)(order, os.environ))


@click.command()
@click.option("--hold", "name", required=True, metavar="NAME", help="The AppHold that stopped the apps.")
@click.option("-n", "--namespace", help="Only the apps of this namespace. Default: of the whole cluster.")
@click.option(
    "--batch", type=click.IntRange(1, 100), default=5, show_default=True, help="So many apps start at the same time."
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 3600),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long a batch may need.",
)
def resume(name: str, namespace: str | None, batch: int, timeout: int) -> None:
    """Resume the apps that an AppHold suspended, a few at a time.

    For each app that no hold in force matches any more, its suspension is
    acknowledged under your own name. The next batch begins when the apps of
    this one are ready. When one is refused or does not become ready, nothing
    more is started. Apps that a hold still matches are named and left.

    You need list, get and patch on generatedapps, and update on
    generatedapps/resume (ClusterRole genapps-resume; genapps-platform for apps
    that were suspended for violations before).

    Exit code 0: all are resumed. 1: not all. 2: the cluster could not be read.
    """
    command = import_module("genapps.cli.hold.command")
    raise SystemExit(command.resume(name, namespace, batch, timeout, os.environ))
