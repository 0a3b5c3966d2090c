# SPDX-License-Identifier: Apache-2.0
"""What an app above Development may call: its frozen contracts, and of them what the connectors still promise.

The rule is `core.contracts.force`. What is compiled of it is kept by the frozen contract for as long as the connector
stays as it is: apps that were reviewed with the same contract share it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from genapps.api.apprecord import FrozenContract
from genapps.core.contracts.contract import contract_of
from genapps.core.contracts.force import in_force
from genapps.gateway.catalogue import Offer, offered_tools
from genapps.gateway.contracts.checker import CheckFailedError
from genapps.gateway.contracts.compiled import compile_contract
from genapps.gateway.contracts.stored import StoredContracts

MOST_KEPT = 512
"""Pairs of a connector and a frozen contract; the one that was used longest ago gives way."""


class ReviewedOffers:
    """From a connector as it is now to what an app with frozen contracts may use of it."""

    def __init__(self, contracts: StoredContracts) -> None:
        self._contracts = contracts
        self._kept: OrderedDict[tuple[str, str], tuple[Offer, Offer]] = OrderedDict()
        """By connector and frozen digest: the current offer that it was made of, and what is in force of that."""

    def __len__(self) -> int:
        return len(self._kept)

    def offer(self, current: Offer, frozen: tuple[FrozenContract, ...]) -> Offer:
        """What of the connector is in force for an app with these frozen contracts, of which there is at least one. A
        connector that is not among them was not reviewed, and cannot be used."""
        digest = next((each.digest for each in frozen if each.connector == current.name), None)
        if digest is None:
            return replace(current, tools={}, unusable="it was not reviewed with the app")
        if current.unusable or digest == current.contract_digest:
            return current
        key = (current.name, digest)
        kept = self._kept.get(key)
        if kept is None or kept[0] is not current:
            made = self._made(current, digest)
            if made is None:
                return replace(current, tools={}, unusable="the contract that was reviewed is not known here")
            kept = self._kept[key] = (current, made)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept[1]

    def _made(self, current: Offer, digest: str) -> Offer | None:
        """None: the frozen contract is not there."""
        stored = self._contracts.find(digest)
        if stored is None:
            return None
        contract = in_force(stored.contract, contract_of(current.spec))
        named = f"{digest}&{current.contract_digest}"
        if current.spec.models and not contract.models:
            return replace(current, contract_digest=named, tools={}, unusable="none of the reviewed models is left")
        try:
            compiled = compile_contract(contract)
        except CheckFailedError:
            return replace(current, contract_digest=named, tools={}, unusable="its contract cannot be checked")
        models = tuple(model for model in current.spec.models if model in contract.models)
        spec = current.spec.model_copy(update={"models": models, "max_tokens": contract.max_tokens})
        tools = offered_tools(spec, compiled)
        return Offer(current.name, spec, named, current.source, current.version, tools, changed=contract.changed)
