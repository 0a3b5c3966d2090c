# SPDX-License-Identifier: Apache-2.0
"""Contracts at rest: each once, in an immutable ConfigMap beside the gateway whose name begins its digest.

Nothing but the content says which contract it is, so that an object that somebody else made is of no use to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from genapps.api import names
from genapps.api.digests import canonical, sha256
from genapps.core.contracts.contract import Contract

CONTRACT_KEY = "contract.json"


@dataclass(frozen=True, slots=True)
class StoredContract:
    """A contract that was found as it was stored."""

    digest: str
    """`contract_digest` of it."""
    contract: Contract

    @property
    def tools(self) -> frozenset[str]:
        """The names of its tools."""
        return frozenset(tool.name for tool in self.contract.tools)


def contract_object(system_namespace: str, contract: Contract) -> dict[str, Any]:
    """The ConfigMap that holds a contract without faults."""
    text = canonical(contract.document())
    digest = sha256(text)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "namespace": system_namespace,
            "name": names.contract_name(digest),
            "labels": {
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_CONTRACT: names.short_digest(digest),
            },
        },
        "immutable": True,
        "data": {CONTRACT_KEY: text.decode()},
    }


def stored_digest(object_: Mapping[str, Any]) -> str:
    """The digest of what a ConfigMap holds; empty when it holds no contract, or another than its name says."""
    text = (object_.get("data") or {}).get(CONTRACT_KEY)
    digest = sha256(text.encode()) if isinstance(text, str) else ""
    return digest if object_["metadata"]["name"] == names.contract_name(digest) else ""


def stored_contract(object_: Mapping[str, Any]) -> StoredContract | None:
    """The contract that a ConfigMap holds; None for none, and for one that this version cannot read."""
    digest = stored_digest(object_)
    if not digest:
        return None
    try:
        return StoredContract(digest, Contract.model_validate_json(object_["data"][CONTRACT_KEY]))
    except ValidationError:
        return None
