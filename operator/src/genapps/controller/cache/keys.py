# SPDX-License-Identifier: Apache-2.0
"""What the work queue holds: which thing to look at again, never what happened to it.

Keys of different kinds are never equal, whatever they are called: a budget may have the name of a run namespace.
"""

from __future__ import annotations

from dataclasses import dataclass

from genapps.api.names import AppKey

__all__ = [
    "AppKey",
    "BudgetKey",
    "ConnectorKey",
    "ContractsKey",
    "GatewayEgressKey",
    "GatewayKey",
    "HoldKey",
    "Key",
    "NamespaceQuotaKey",
]


@dataclass(frozen=True, slots=True)
class BudgetKey:
    """The status of an AppBudget."""

    budget: str


@dataclass(frozen=True, slots=True)
class ConnectorKey:
    """The status of a Connector, and the EndpointSlice of its Service."""

    connector: str


@dataclass(frozen=True, slots=True)
class ContractsKey:
    """The contracts that are stored beside the gateway."""


@dataclass(frozen=True, slots=True)
class GatewayEgressKey:
    """The policy on what the gateway may reach."""


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """The copy of the gateway's CA in a run namespace."""

    run_namespace: str


@dataclass(frozen=True, slots=True)
class HoldKey:
    """The status of an AppHold."""

    hold: str


@dataclass(frozen=True, slots=True)
class NamespaceQuotaKey:
    """The ResourceQuota and the LimitRange of a run namespace."""

    run_namespace: str


Key = AppKey | BudgetKey | ConnectorKey | ContractsKey | GatewayEgressKey | GatewayKey | HoldKey | NamespaceQuotaKey
