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

    Each line begins with narrower, wider or changed. What is narrower lets no
    app do more. Review the rest before you apply NEW.

    Exit code 0: nothing, or narrower. 1: something is wider, or is changed and
    needs a review. 2: a file cannot be read or is no valid Connector.
    """
    raise SystemExit(import_module("genapps.cli.connector.command").diff(old, new))


@connector.command(name="import")
@click.argument("form", type=click.Choice(["openapi", "mcp"]))
@click.argument("file", metavar="FILE")
@click.option("--name", required=True, help="The Connector's name.")
@click.option("-n", "--namespace", "namespaces", multiple=True, help="A namespace to grant it to; may be repeated.")
@click.option("--url", default="", help="The address of the service. Default: the first server of the document.")
@click.option("--service", default="", metavar="NAMESPACE/NAME:PORT", help="A Service, in place of a URL.")
@click.option("--tool", "tools", multiple=True, metavar="NAME", help="A tool to take; may be repeated. Default: all.")
@click.option("--skip-refused", is_flag=True, help="Leave out operations that no Connector can have.")
@click.option("--trust-hints", is_flag=True, help="Take an MCP server's word that a tool only reads.")
def import_(
    form: str,
    file: str,
    name: str,
    namespaces: tuple[str, ...],
    url: str,
    service: str,
    tools: tuple[str, ...],
    skip_refused: bool,
    trust_hints: bool,
) -> None:
    """Print a Connector for the OpenAPI document or MCP tool list in FILE.

    openapi: an OpenAPI 3.0 or 3.1 document. mcp: the answer of a server to
    tools/list. Read the result before you apply it: each tool is a permission.

    What no Connector can have is named on standard error by its JSON pointer.
    Then nothing is printed, unless --skip-refused leaves those operations out.

    Exit code 0: printed. 1: something was refused. 2: FILE cannot be read.
    """
    command = import_module("genapps.cli.connector.command")
    options = command.Options(name, namespaces, url, service, tools, skip_refused, trust_hints)
    raise SystemExit(command.import_(form, file, options))


@connector.command()
@click.argument("file", metavar="FILE")
@click.option("--language", type=click.Choice(["python", "typescript"]), default="python", show_default=True)
@click.option("--tool", "tools", multiple=True, metavar="NAME", help="A tool to take; may be repeated. Default: all.")
def stubs(file: str, language: str, tools: tuple[str, ...]) -> None:
    """Print typed stubs of the tools of the Connector in FILE.

    Give them to whoever writes the app, a person or a code generator. The
    Python module can be part of an app. Equal contracts give equal text.

    Exit code 0: printed. 1: there is no such tool. 2: FILE cannot be read or
    is no valid Connector.
    """
    raise SystemExit(import_module("genapps.cli.connector.command").stubs(file, language, tools))
