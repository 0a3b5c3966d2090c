"""`genapps operator` and `genapps gateway` run the platform's processes.

`genapps digest`, `genapps check` and `genapps modules` are for authors, `genapps preflight` checks a cluster.
"""

import os
from importlib import import_module
from pathlib import Path

import click

from genapps.api.digests import bundle_digest
from genapps.api.modules import PYTHON_MODULES, SDK
from genapps.api.names import SYSTEM_NAMESPACE
from genapps.cli.bundles import read_bundle
from genapps.core.code.scan import scan_python


@click.group()
def main() -> None:
    """Run AI-generated apps on Kubernetes, isolated and metered."""


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
@click.option("--entry", help="The entry file. Default: app.py, or app.js if there is no app.py.")
def digest(path: Path, entry: str | None) -> None:
    """Print the digest of the code in PATH, for spec.code.digest.

    A file is treated as inline source. A directory is treated as the ConfigMap
    that `kubectl create configmap --from-file=PATH` creates.
    """
    try:
        click.echo(bundle_digest(*read_bundle(path, entry)))
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem


@main.command()
@click.option("--namespace", default=SYSTEM_NAMESPACE, show_default=True, help="The release's namespace.")
def preflight(namespace: str) -> None:
    """Check the cluster that KUBECONFIG names for everything genapps needs.

    The command writes nothing. It needs an administrator's rights, and get on
    nodes/proxy for the pid limits of the kubelets. Exit code 1: a check failed.
    Exit code 2: the cluster could not be read.
    """
    raise SystemExit(import_module("genapps.cli.preflight.command").run(namespace, os.environ))


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--entry", help="The entry file. Default: app.py.")
def check(path: Path, entry: str | None) -> None:
    """Check whether the Python code in PATH can load.

    The operator makes the same check before it switches an app to new code.
    Exit code 1: the code cannot load.
    """
    try:
        found = scan_python(*read_bundle(path, entry))
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    if found is not None:
        raise click.ClickException(f"{found.reason}: {found.message}")
    click.echo("No problem found.")


@main.command()
def modules() -> None:
    """Print the modules that apps can import, one a line.

    Apps can also import their own files.
    """
    click.echo("\n".join([SDK, *PYTHON_MODULES]))


def _run(module: str) -> None:
    # Imported by name and late: each process loads its own part only, and the parts do not know each other.
    import_module(module).run()
