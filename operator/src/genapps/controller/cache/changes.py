# SPDX-License-Identifier: Apache-2.0
"""A change of what the operator knows: of which kind of thing, of which name, from what to what."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, NamedTuple

from genapps.controller.cache.store import Name


class Source(Enum):
    """What a change is a change of."""

    APP = auto()
    BUDGET = auto()
    CONNECTOR = auto()
    HOLD = auto()
    RECORD = auto()
    BUDGET_RECORD = auto()
    LEDGER = auto()
    NAMESPACE = auto()
    CODE = auto()
    """A ConfigMap that apps may take their code from."""
    CHILD = auto()
    OPENING_POLICY = auto()
    """A NetworkPolicy of a run namespace that is no app's fence and lets pods reach something."""
    NAMESPACE_QUOTA = auto()
    GATEWAY = auto()
    """Its address or its CA."""
    GATEWAY_READINESS = auto()
    """Whether any pod of it is ready; `old` is None before anything was known."""
    CA_COPY = auto()
    SERVICE = auto()
    """One that a connector names, or its endpoints; also that both are known now, or that we may not read them."""
    CONNECTOR_SLICE = auto()
    CONTRACT = auto()
    """A contract that is stored beside the gateway."""
    GATEWAY_EGRESS = auto()
    """The policy on what the gateway may reach."""


class Change(NamedTuple):
    """One record that differs: None in place of the old or new one when there was or is none."""

    source: Source
    name: Name
    old: Any
    new: Any
    own: bool = False
    """The answer to a write of ours: the pass that wrote goes on with it."""
