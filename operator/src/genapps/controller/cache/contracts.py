# SPDX-License-Identifier: Apache-2.0
"""The contracts that are stored beside the gateway, reduced to what decides whether they stay."""

from __future__ import annotations

from dataclasses import dataclass

from genapps.cluster.resources import Object
from genapps.core.contracts.stored import stored_digest


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A ConfigMap with the label of contracts."""

    uid: str
    digest: str
    """Of what it holds; empty when that is no contract, or another than its name says."""


def stored_object(object_: Object) -> StoredObject:
    """From a ConfigMap."""
    return StoredObject(object_["metadata"]["uid"], stored_digest(object_))
