# SPDX-License-Identifier: Apache-2.0
"""Reads what `genapps preflight` judges, with the caller's own kubeconfig and without writing anything."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import click

from genapps.api.crd import crds
from genapps.cli.preflight.rules import preflight
from genapps.cli.preflight.seen import Check, Level, Seen
from genapps.cluster.client import Client
from genapps.cluster.connection import Connection, connect
from genapps.cluster.errors import ApiError, NotFoundError
from genapps.cluster.resources import (
    DEFINITION,
    DEPLOYMENT,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POLICY,
    POLICY_BINDING,
    RESOURCE_QUOTA,
    ROLE,
    RUNTIME_CLASS,
    SECRET,
    STORAGE_CLASS,
    Resource,
)
from genapps.environment import SettingsError

_FIELD_MANAGER = "genapps-preflight"
_ASKED_AT_ONCE = 16


def run(system_namespace: str, environ: Mapping[str, str]) -> int:
    """Print the table; the exit code: 0 nothing failed, 1 a check failed, 2 the cluster could not be read."""
    try:
        checks = preflight(asyncio.run(see(connect(environ), system_namespace)))
    except (SettingsError, ApiError) as error:
        click.echo(f"genapps preflight: {error}", err=True)
        return 2
    click.echo(table(checks))
    return int(any(check.level is Level.FAIL for check in checks))


async def see(connection: Connection, system_namespace: str) -> Seen:
    """Everything that the checks look at. Raises ApiError when the caller may not read it; kubelets may refuse."""
    async with Client(connection, _FIELD_MANAGER) as client:
        nodes = await _all(client, NODE)
        seen = Seen(
            system_namespace=system_namespace,
            version=json.loads(await client.get_text("/version")),
            nodes=nodes,
            kubelets=await _kubelets(client, [node["metadata"]["name"] for node in nodes]),
            crds=_by_name(await _all(client, DEFINITION)),
            expected_crds=crds(),
            policies=_by_name(await _all(client, POLICY)),
            bindings=await _all(client, POLICY_BINDING),
            namespaces=_by_name(await _all(client, NAMESPACE)),
            storage_classes=_by_name(await _all(client, STORAGE_CLASS)),
            runtime_classes=frozenset(_by_name(await _all(client, RUNTIME_CLASS))),
            deployments=_by_name(await _all(client, DEPLOYMENT, system_namespace)),
            system_policies=_by_name(await _all(client, NETWORK_POLICY, system_namespace)),
        )
        inside = {
            run: [await _all(client, kind, run) for kind in (NETWORK_POLICY, ROLE, RESOURCE_QUOTA)]
            for run in seen.run_namespaces
        }
        secrets = {
            (run, name): await _secret(client, run, name) for run in seen.run_namespaces for name in seen.pull_secrets
        }
    return replace(
        seen,
        secrets=secrets,
        network_policies={run: found[0] for run, found in inside.items()},
        roles={run: list(_by_name(found[1])) for run, found in inside.items()},
        quotas={run: list(_by_name(found[2])) for run, found in inside.items()},
    )


def table(checks: Sequence[Check]) -> str:
    """A line for each check, and below those that are not good what to do about them."""
    wide = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"{check.level.upper():<5} {check.name:<{wide}}  {check.found}")
        if check.level is not Level.OK:
            lines.append(f"{'':<6}{'':<{wide}}  -> {check.next_step}")
    return "\n".join(lines)


async def _all(client: Client, resource: Resource, namespace: str | None = None) -> list[dict[str, Any]]:
    return (await client.list(resource, namespace)).items


async def _secret(client: Client, namespace: str, name: str) -> str:
    """Its metadata is asked for, never its content."""
    try:
        await client.get(SECRET, namespace, name, metadata_only=True)
    except NotFoundError:
        return "missing"
    except ApiError as error:
        return f"unknown: {error.status} {error.reason}"
    return ""


async def _kubelets(client: Client, nodes: Sequence[str]) -> dict[str, dict[str, Any] | str]:
    asked = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def one(node: str) -> dict[str, Any] | str:
        async with asked:
            try:
                answer = json.loads(await client.get_text(f"/api/v1/nodes/{quote(node, safe='')}/proxy/configz"))
            except ApiError as error:
                return f"{error.status} {error.reason}"
            except ValueError:
                return "no JSON"
        found = answer.get("kubeletconfig") if isinstance(answer, dict) else None
        return found if isinstance(found, dict) else "no kubeletconfig in the answer"

    return dict(zip(nodes, await asyncio.gather(*(one(node) for node in nodes)), strict=True))


def _by_name(objects: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for found in objects}
