# SPDX-License-Identifier: Apache-2.0
"""The part of the API client that the gateway writes and reads single objects with (`genapps.cluster.Client` is
one): named as a type, so that ledgers and keys are tested against a store in memory with the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from genapps.cluster.client import Listing
from genapps.cluster.resources import Object, Resource


class Objects(Protocol):
    """Raises the typed errors of `genapps.cluster.errors`; see `genapps.cluster.client` for each method."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """The live object; NotFound."""

    async def list(self, resource: Resource, namespace: str | None = None, *, at_least: str | None = "0") -> Listing:
        """A complete list; `at_least=None` reads the store itself."""

    async def create(self, manifest: Mapping[str, Any]) -> Object:
        """A new object; Conflict when the name exists."""

    async def apply(self, manifest: Mapping[str, Any]) -> Object:
        """Server-side apply; with `metadata.resourceVersion` a compare-and-swap, else Conflict."""


def dumped(model: BaseModel) -> Object:
    """A model as it stands in an object; what is absent is left out."""
    return model.model_dump(by_alias=True, exclude_none=True, mode="json")
