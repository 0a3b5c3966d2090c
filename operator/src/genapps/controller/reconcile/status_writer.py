# SPDX-License-Identifier: Apache-2.0
"""Writes the status of a kind that people write; the answer goes into its cache at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genapps.api.names import API_VERSION
from genapps.cluster.client import Client
from genapps.cluster.errors import NotFoundError
from genapps.cluster.resources import Object
from genapps.controller.cache.store import Store


async def write_status(
    client: Client, known: Store[Any], kind: str, metadata: Mapping[str, str], status: Mapping[str, Any]
) -> Object | None:
    """The object as stored; None when it is gone. With a uid in `metadata` it is written to that very object."""
    manifest = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "status": status}
    try:
        live = await client.apply(manifest, subresource="status")
    except NotFoundError:
        return None
    known.status_written(live)
    return live
