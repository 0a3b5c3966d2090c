# SPDX-License-Identifier: Apache-2.0
"""Reads AppBudgets and Connectors with the caller's own kubeconfig, and prints what they offer."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import click

from genapps.cli.catalogue.offers import as_json, as_text, catalogue
from genapps.cluster.client import Client
from genapps.cluster.connection import Connection, connect
from genapps.cluster.errors import ApiError, ForbiddenError
from genapps.cluster.resources import APP_BUDGET, CONNECTOR
from genapps.environment import SettingsError

_FIELD_MANAGER = "genapps-catalogue"
Objects = list[dict[str, Any]]


def run(namespace: str, output: str, environ: Mapping[str, str]) -> int:
    """Print the catalogue; the exit code: 0 printed, 2 the cluster could not be read."""
    try:
        budgets, connectors = asyncio.run(_read(connect(environ)))
    except ForbiddenError:
        click.echo(
            "genapps catalogue: you may not list AppBudgets and Connectors. Ask the platform to add one of your groups "
            "to catalogue.readers, a value of the chart.",
            err=True,
        )
        return 2
    except (SettingsError, ApiError) as error:
        click.echo(f"genapps catalogue: {error}", err=True)
        return 2
    found = catalogue(budgets, connectors, namespace)
    for fault in found.unreadable:
        click.echo(f"genapps catalogue: cannot read {fault}", err=True)
    click.echo(json.dumps(as_json(found), indent=2) if output == "json" else as_text(found, wide=output == "wide"))
    return 0


async def _read(connection: Connection) -> tuple[Objects, Objects]:
    async with Client(connection, _FIELD_MANAGER) as client:
        budgets, connectors = await asyncio.gather(client.list(APP_BUDGET), client.list(CONNECTOR))
    return budgets.items, connectors.items
