"""`genapps operator` and `genapps gateway` run the platform's processes.

`genapps digest` and `genapps check` are for authors, `genapps preflight` looks at a cluster.
"""

import os
from importlib import import_module
from pathlib import Path

import click

from genapps.api.digests import bundle_digest
from genapps.api.names import SYSTEM_NAMESPACE
from genapps.cli.bundles import read_bundle
from genapps.core.code.scan import scan_python


@click.group()
def main() -> None:
    """A fenced, metered, provable home for AI-generated apps on Kubernetes."""


@main.command()
def operator() -> None:
    """Run the operator until it gets SIGTERM or SIGINT."""
    _run("genapps.controller.main")


@main.command()
def gateway() -> None:
    """Run the gateway until it gets SIGTERM or SIGINT."""
    _run("genapps.gateway.main")


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--entry", help="The file that is loaded first. Default: app.py, or app.js where there is no app.py.")
def digest(path: Path, entry: str | None) -> None:
    """Print the digest of the code in PATH, for spec.code.digest.

    A file counts as inline source, a directory as the ConfigMap that
    `kubectl create configmap --from-file=PATH` makes of it.
    """
    try:
        click.echo(bundle_digest(*read_bundle(path, entry)))
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem


@main.command()
@click.option("--namespace", default=SYSTEM_NAMESPACE, show_default=True, help="The release's namespace.")
def preflight(namespace: str) -> None:
    """Check the cluster that KUBECONFIG names: is it what the platform rests on?

    Reads only; needs an administrator's rights, nodes/proxy for the kubelets'
    pid limits. Exit code 1: a check failed, 2: the cluster could not be read.
    """
    raise SystemExit(import_module("genapps.cli.preflight.command").run(namespace, os.environ))


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--entry", help="The file that is loaded first. Default: app.py.")
def check(path: Path, entry: str | None) -> None:
    """Say what would keep the Python code in PATH from loading.

    The operator looks at the code in the same way before it switches an app
    to it. Exit code 1 when something is found.
    """
    try:
        found = scan_python(*read_bundle(path, entry))
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    if found is not None:
        raise click.ClickException(f"{found.reason}: {found.message}")
    click.echo("Nothing found that keeps the code from loading.")


def _run(module: str) -> None:
    # Imported by name and late: each process loads its own part only, and the parts do not know each other.
    import_module(module).run()
