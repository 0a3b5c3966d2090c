# SPDX-License-Identifier: Apache-2.0
"""The contracts that the operator stored, by digest: what apps were started or reviewed with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genapps.core.contracts.stored import StoredContract, stored_contract


class StoredContracts:
    """A sink of the watch on their ConfigMaps. What does not hold what its name says is not there."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        """Digests by name of the object."""
        self._contracts: dict[str, StoredContract] = {}

    def find(self, digest: str) -> StoredContract | None:
        """The contract with this digest."""
        return self._contracts.get(digest)

    def listed(self, objects: Sequence[dict[str, Any]], _resource_version: str) -> None:
        """A complete list: what is not in it is gone."""
        for name in self._names.keys() - {str(object_["metadata"]["name"]) for object_ in objects}:
            self._remove(name)
        for object_ in objects:
            self.changed(object_)

    def changed(self, object_: dict[str, Any]) -> None:
        """One was stored."""
        name = str(object_["metadata"]["name"])
        self._remove(name)
        stored = stored_contract(object_)
        if stored is not None:
            self._names[name] = stored.digest
            self._contracts[stored.digest] = stored

    def deleted(self, object_: dict[str, Any]) -> None:
        """One was collected."""
        self._remove(str(object_["metadata"]["name"]))

    def _remove(self, name: str) -> None:
        digest = self._names.pop(name, None)
        if digest is not None:
            del self._contracts[digest]
