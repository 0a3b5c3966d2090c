# SPDX-License-Identifier: Apache-2.0
"""`genapps operator` and `genapps gateway` run the platform's processes.

`genapps new`, `dev`, `tick`, `render`, `guide`, `digest`, `bundle`, `check`, `modules` and `catalogue` are for authors,
`genapps connector` for the teams of connectors. `genapps budget` says what limits would do, `genapps hold` and
`genapps resume` stop and start many apps, `genapps preflight` checks a cluster, and `genapps state` is for the data of
tenants. `genapps fence-check` runs in a pod of the chart.

What a command does is imported when it runs, by name: each process loads its own part only, and the parts do not know
each other.
"""

import os
from importlib import import_module
from pathlib import Path

import click

from genapps.api.names import SYSTEM_NAMESPACE
from genapps.cli.authoring import dev, guide, new, render, tick
from genapps.cli.budget.group import budget
from genapps.cli.connector.group import connector
from genapps.cli.hold.command_line import hold, resume
from genapps.cli.state.group import state


@click.group()
def main() -> None:
    """Run AI-generated apps on Kubernetes, isolated and metered."""


main.add_command(budget)
main.add_command(connector)
main.add_command(state)
main.add_command(hold)
main.add_command(resume)
for author in (new, dev, tick, render, guide):
    main.add_command(author)


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
@click.option("--entry", help="The entry file. Default: app.py, app.js or app.ts.")
@click.option("--flat", is_flag=True, help="Leave out folders, as kubectl create configmap --from-file=PATH does.")
def digest(path: Path, entry: str | None, flat: bool) -> None:
    """Print the digest of the code in PATH, for spec.code.digest.

    A file is treated as inline source. A directory is treated as the files of
    an app, with its folders. Links, folders named __pycache__, and folders
    whose names begin with a dot (but .well-known) are left out. An app from an
    image has the digest of its image. An app in TypeScript has the digest of the
    JavaScript that `genapps bundle` makes of it.
    """
    bundles, digests = import_module("genapps.cli.bundles"), import_module("genapps.api.digests")
    try:
        click.echo(digests.bundle_digest(*bundles.read_bundle(path, entry, flat=flat)))
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem


@main.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The folder or file to write.")
@click.option("--form", type=click.Choice(["folder", "configmap", "layer"]), default="folder", show_default=True)
@click.option("--with", "packages", multiple=True, metavar="NAME", help="A package of the lock; may be repeated.")
@click.option("--lock", type=click.Path(path_type=Path), help="The lock file. Default: PATH/requirements.txt.")
@click.option("--without-native", multiple=True, metavar="NAME", help="A package to take without its native code.")
@click.option("--entry", help="The file that is loaded first. Default: app.py, app.js, app.ts or app.wasm.")
@click.option("--name", default="", help="The ConfigMap. Default: the name of the folder.")
def bundle(
    path: Path,
    output: Path,
    form: str,
    packages: tuple[str, ...],
    lock: Path | None,
    without_native: tuple[str, ...],
    entry: str | None,
    name: str,
) -> None:
    """Make the folder PATH into a bundle, with packages from a lock file.

    A package is vendored with all that it needs, as pip fetches it: wheels of
    pure Python by the hashes of the lock, of which nothing is executed. Their
    tests and byte code are left out. The suffix of the entry tells the
    language: packages of JavaScript are bundled before, and types of
    TypeScript are blanked (for which genapps[typescript] is installed). Three
    forms: a folder (for oras push), a
    ConfigMap, or one layer of an image (tar.gz). The digest is printed.
    """
    command = import_module("genapps.cli.bundle.command")
    options = command.Options(
        form, output, entry, name or path.resolve().name, lock or path / "requirements.txt", packages, without_native
    )
    try:
        click.echo(command.run(path, options), nl=False)
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


@main.command("fence-check")
@click.option(
    "--kubelet-port", type=click.IntRange(0, 65535), default=10250, show_default=True, help="0: leave it out."
)
@click.option("--internet", default="", metavar="HOST:PORT", help="Also try this host. Default: none.")
def fence_check(kubelet_port: int, internet: str) -> None:
    """Check that what apps must not reach answers to a pod without a fence.

    For the pod of the chart's CronJob genapps-fence-check: the addresses come
    from its environment. Exit code 1: a target does not answer, so that its
    silence towards apps proves nothing. Exit code 2: an address is not known.
    """
    command = import_module("genapps.cli.fence_check")
    try:
        resolv_conf = Path("/etc/resolv.conf").read_text(encoding="utf-8")
        wanted = command.targets(os.environ, resolv_conf, kubelet_port, internet)
    except (OSError, ValueError) as problem:
        raise click.UsageError(str(problem)) from problem
    raise SystemExit(command.check(wanted, click.echo))


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--budget", type=click.Path(path_type=Path), help="A manifest with the AppBudget that apps name.")
@click.option("--entry", help="The file of the code that is loaded first. Default: app.py, or app.js.")
@click.option("-n", "--namespace", default="", help="The namespace of manifests that name none.")
@click.option("-R", "--recursive", is_flag=True, help="Read manifests in folders below a folder too.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(
    paths: tuple[str, ...], budget: Path | None, entry: str | None, namespace: str, recursive: bool, output: str
) -> None:
    """Check code and manifests without a cluster, as the API server and the operator would.

    PATH is a file of code (.py, .js, .ts or .wasm), a folder with app.py,
    app.js or app.wasm (and folders of its own, as for genapps digest), a manifest or a folder of
    manifests (.yaml, .yml, .json), or - for standard input. GeneratedApps, AppBudgets,
    Connectors and ConfigMaps are checked. An app is checked against its
    AppBudget when that is among the inputs or named by --budget; its code when
    it is inline or in a ConfigMap among the inputs.

    Each finding is a line `file:line: code: message`; what was not checked
    goes to standard error. Exit code 0: nothing found, 1: something found,
    2: an input cannot be read, or wrong usage.
    """
    command = import_module("genapps.cli.check.command")
    as_json = output == "json"
    raise SystemExit(
        command.run(paths, budget=budget, entry=entry, namespace=namespace, recursive=recursive, as_json=as_json)
    )


@main.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
def modules(names: tuple[str, ...]) -> None:
    """Print the modules that apps can import, one a line, and their limits.

    With NAMEs, print for each whether apps can import it, and what to use in
    its place; exit code 1: not all of them. Apps can also import their own
    files.
    """
    raise SystemExit(import_module("genapps.cli.modules").run(names))


@main.command()
@click.option("-n", "--namespace", default="", help="Only what is granted to this namespace. Default: everything.")
@click.option("-o", "--output", type=click.Choice(["text", "wide", "json"]), default="text", show_default=True)
def catalogue(namespace: str, output: str) -> None:
    """Print the tiers of AppBudgets and the tools of Connectors.

    Reads the cluster that KUBECONFIG names. The platform decides who may:
    value catalogue.readers of the chart. Exit code 2: the cluster could not
    be read.
    """
    raise SystemExit(import_module("genapps.cli.catalogue.command").run(namespace, output, os.environ))


def _run(module: str) -> None:
    import_module(module).run()
