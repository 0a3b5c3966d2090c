# SPDX-License-Identifier: Apache-2.0
"""The command line of `genapps state`. What it does is imported when it is needed."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from genapps.api.names import RUN_NAMESPACE, AppKey

Command = Callable[..., Any]


@click.group()
def state() -> None:
    """List, export and delete the data of an app's tenants, while it runs.

    Reads the cluster that KUBECONFIG names, and runs a command in the app's
    pod by exec. You need the verbs list, export or delete on
    generatedapps/state of the app, and get and create on pods/exec in the run
    namespace (ClusterRoles genapps-state and genapps-state-exec).

    Exit code 0: done. 1: not done. 2: the cluster could not be read.
    """


def _of_app(command: Command) -> Command:
    for option in (
        click.option(
            "--run-namespace", default=RUN_NAMESPACE, show_default=True, help="Where the budget has the app's pod."
        ),
        click.option("-n", "--namespace", required=True, help="The namespace of the GeneratedApp."),
        click.argument("app"),
    ):
        command = option(command)
    return command


def _of_tenant(command: Command) -> Command:
    option = click.option("--digest", "given", help="The tenant's SHA-256, as the list shows it, in place of TENANT.")
    return _of_app(click.argument("tenant", required=False)(option(command)))


def _digest(tenant: str | None, given: str | None) -> str:
    if (tenant is None) == (given is None):
        raise click.UsageError("name the tenant, or its --digest")
    tenancy = import_module("genapps.api.tenancy")
    if given is not None:
        if not tenancy.DIGEST.fullmatch(given):
            raise click.UsageError("--digest: must be 64 hexadecimal digits in lower case")
        return given
    try:
        return str(tenancy.tenant_digest(tenant or ""))
    except ValueError as error:
        raise click.UsageError(f"TENANT: {error}") from None


@state.command("list")
@_of_app
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_(app: str, namespace: str, run_namespace: str, output: str) -> None:
    """Print the tenants that have data, with bytes, last call and name.

    A tenant who has called no runtime that keeps names has none here. `genapps
    state digest` gives the SHA-256 of a name.
    """
    command = import_module("genapps.cli.state.command")
    raise SystemExit(command.print_list(AppKey(namespace, app), run_namespace, os.environ, as_json=output == "json"))


@state.command()
@click.argument("tenant")
def digest(tenant: str) -> None:
    """Print the SHA-256 of the tenant with this name, as the list shows it."""
    click.echo(_digest(tenant, None))


@state.command()
@_of_tenant
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A new file, or - to print.")
def export(app: str, tenant: str | None, given: str | None, namespace: str, run_namespace: str, output: Path) -> None:
    """Write all data of one tenant to a file, a line of JSON for each thing.

    TENANT is the name that the token's claim or the header has.
    """
    key, name = AppKey(namespace, app), _digest(tenant, given)
    command = import_module("genapps.cli.state.command")
    raise SystemExit(command.export(key, run_namespace, name, output, os.environ))


@state.command()
@_of_tenant
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(app: str, tenant: str | None, given: str | None, namespace: str, run_namespace: str, yes: bool) -> None:
    """Delete all data of one tenant. Nothing brings them back.

    TENANT is the name that the token's claim or the header has. Requests of
    the tenant are refused meanwhile. Later ones begin with nothing.
    """
    key, name = AppKey(namespace, app), _digest(tenant, given)
    if not yes:
        click.confirm(f"Delete everything that {namespace}/{app} has of the tenant {name}?", abort=True, err=True)
    command = import_module("genapps.cli.state.command")
    raise SystemExit(command.delete(key, run_namespace, name, os.environ))
