# SPDX-License-Identifier: Apache-2.0
"""The commands with which an app is written: `genapps new`, `dev`, `tick`, `render` and `guide`.

What they do is in `genapps.laptop`, which rests on this package and on the gateway's.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click

_FILE = click.Path(path_type=Path)
_manifests = click.option(
    "--connector-manifest", "manifests", multiple=True, type=_FILE, help="Of a Connector; may be repeated."
)
_entry = click.option("--entry", help="The file of the code that is loaded first. Default: app.py, or app.js.")


@contextmanager
def _refusals() -> Iterator[None]:
    named = import_module("genapps.laptop.named")
    try:
        yield
    except named.SourceError as problem:
        raise click.ClickException(str(problem)) from problem


@click.command()
@click.argument("name")
@click.option("--language", type=click.Choice(["python", "javascript"]), default="python", show_default=True)
def new(name: str, language: str) -> None:
    """Write a new app into the folder NAME: code, manifest and a test.

    NAME is also the name of the app: lower-case letters, digits and '-'. The
    folder must not exist. genapps dev NAME runs the app, pytest NAME tests it,
    and genapps render NAME prints what kubectl applies.
    """
    with _refusals():
        for line in import_module("genapps.laptop.new").write(Path(name), language):
            click.echo(line)


@click.command()
@click.argument("path", type=_FILE)
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0: a free one.")
@click.option("--connectors", type=_FILE, help="Answers of connectors: a file of stubs.")
@_manifests
@click.option("--budget", type=_FILE, help="A manifest with the AppBudget that has the tier.")
@click.option("--tier", help="A tier of the budget. Default: the one that the app names.")
@click.option("--state", type=_FILE, help="Where state is kept. Default: .genapps there.")
@_entry
@click.option("--engine", type=_FILE, envvar="GENAPPS_ENGINE", help="An engine in place of the installed one.")
def dev(
    path: Path,
    port: int,
    connectors: Path | None,
    manifests: tuple[Path, ...],
    budget: Path | None,
    tier: str | None,
    state: Path | None,
    entry: str | None,
    engine: Path | None,
) -> None:
    """Run an app on this machine, without a cluster, and again after each change.

    PATH is a file of code, a folder with app.py or app.js, a project of genapps
    new, or a manifest with one GeneratedApp. The app runs in the process, the
    engine and the limits that it has in a pod. State is kept from one run to
    the next. What the platform would refuse is refused in the same words, and
    the code of before goes on.

    Needs the packages genapps-runtime and genapps-engines: genapps[dev].
    """
    with _refusals():
        named = import_module("genapps.laptop.named").Named(path, entry, budget, tier, manifests)
        import_module("genapps.laptop.command").run(
            named, port=port, stubs=connectors, state=state, engine=engine, environ=os.environ, say=click.echo
        )


@click.command()
@click.argument("path", type=_FILE)
@click.argument("schedule")
@click.option("--state", type=_FILE, help="As genapps dev was told. Default: .genapps there.")
def tick(path: Path, schedule: str, state: Path | None) -> None:
    """Run a schedule of an app now, in the genapps dev that serves PATH.

    The app gets the request of a tick. Ticks that are due come nonetheless.
    Exit code 1: the app did not answer with a status of 2xx or 3xx.
    """
    with _refusals():
        status = import_module("genapps.laptop.tick").tick(path, schedule, state)
    click.echo(f"{schedule}: {status}")
    raise SystemExit(0 if status < 400 else 1)


@click.command()
@click.argument("path", type=_FILE)
@_entry
@click.option("-n", "--namespace", default="", help="The namespace. Default: what the manifest says.")
@click.option("--budget", default="", metavar="NAME", help="The AppBudget. Default: what the manifest says.")
@click.option("--tier", default="", metavar="NAME", help="The tier. Default: what the manifest says.")
def render(path: Path, entry: str | None, namespace: str, budget: str, tier: str) -> None:
    """Print the GeneratedApp of a project or of code, for kubectl apply.

    PATH is a project of genapps new, or code, as for genapps dev. One file is
    inline; more files are in a ConfigMap, which is printed before. Equal files
    give equal text. What the platform would refuse is refused.
    """
    with _refusals():
        named = import_module("genapps.laptop.named").Named(path, entry)
        click.echo(import_module("genapps.laptop.render").rendered(named, namespace, budget, tier), nl=False)


@click.command()
@click.option("--language", type=click.Choice(["python", "javascript"]), default="python", show_default=True)
@_manifests
@click.option("--budget", type=_FILE, help="A manifest with the AppBudget that has the tier.")
@click.option("--tier", help="A tier of the budget. Default: its only one.")
def guide(language: str, manifests: tuple[Path, ...], budget: Path | None, tier: str | None) -> None:
    """Print one page with all that a code generator needs to write an app.

    The page has the API, the modules and the limits of this version, and typed
    functions for the tools of the Connectors that are named.
    """
    with _refusals():
        click.echo(import_module("genapps.laptop.guide").page(language, manifests, budget, tier), nl=False)
