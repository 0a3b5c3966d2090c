# SPDX-License-Identifier: Apache-2.0
"""The status of a Connector: whether it can be called, and how many apps name it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genapps.api.conditions import ConditionType, Reason
from genapps.api.connector import Connector
from genapps.api.fields import rfc3339
from genapps.api.ledger import ConnectorUse
from genapps.core.catalogue.endpoints import Unresolved
from genapps.core.connector_use import open_now, spec_version
from genapps.core.contracts.contract import contract_digest, contract_of
from genapps.core.contracts.faults import contract_faults
from genapps.core.contracts.pointers import ContractFault
from genapps.core.status.condition_list import ConditionValue, conditions
from genapps.core.text import plain

MESSAGE_CHARACTERS = 1024
_FAULTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class JudgedContract:
    """What its tools promise: the digest, or what is wrong with them."""

    digest: str | None
    faults: tuple[ContractFault, ...] = ()


def judged_contract(connector: Connector) -> JudgedContract:
    """Of a Connector; a contract with faults has no digest, because nobody may rely on it."""
    faults = contract_faults(connector)
    return JudgedContract(None, faults) if faults else JudgedContract(contract_digest(contract_of(connector.spec)))


def connector_status(
    connector: Connector,
    apps: int,
    contract: JudgedContract,
    unresolved: Unresolved | None,
    previous: Mapping[str, Any],
    now: datetime,
    use: ConnectorUse | None = None,
) -> dict[str, Any]:
    """The whole status. `apps` is the number of apps that are not deleted and name it in their envelope; `unresolved`
    is why its Service is not called, None for one that is, and for a URL; `previous` is the status as stored;
    `use` is what gateways have seen of it, None while there was no call."""
    blocked = _blocked(contract, unresolved) or _overran(connector, use)
    values = {
        ConditionType.READY: _ready(blocked),
        ConditionType.STALLED: _stalled(blocked),
        ConditionType.FIELDS_INACTIVE: ConditionValue("False", Reason.ALL_ACTIVE, ""),
    }
    generation = connector.metadata.generation
    status = {
        "observedGeneration": generation,
        "contractDigest": contract.digest,
        "apps": apps,
        **(_use(use, now) if use is not None else {}),
        "conditions": conditions(values, generation, previous, now),
    }
    return {name: value for name, value in status.items() if value is not None}


def _use(use: ConnectorUse, now: datetime) -> dict[str, Any]:
    return {
        "calls": use.calls,
        "errors": use.errors,
        "breaker": "Open" if open_now(use, now) else "Closed",
        "lastCheck": use.checked_at and rfc3339(use.checked_at),
    }


def _blocked(contract: JudgedContract, unresolved: Unresolved | None) -> tuple[Reason, str] | None:
    """Why no call is made: what its team has to correct before where it leads."""
    if contract.faults:
        shown = "; ".join(map(str, contract.faults[:_FAULTS_SHOWN]))
        more = len(contract.faults) - _FAULTS_SHOWN
        return Reason.CONTRACT_INVALID, plain(f"{shown}{f'; and {more} more' if more > 0 else ''}.", MESSAGE_CHARACTERS)
    return None if unresolved is None else (unresolved.reason, unresolved.message)


def _overran(connector: Connector, use: ConnectorUse | None) -> tuple[Reason, str] | None:
    """Why gateways call it no more, although they could: it used more than it was allowed with the spec that it has."""
    overrun = None if use is None else use.overrun
    if overrun is None or overrun.version != spec_version(connector.metadata.uid, connector.metadata.generation):
        return None
    message = (
        f"At {rfc3339(overrun.at)} a call used {overrun.tokens} tokens and {overrun.cost_micros} millionths of a US"
        " dollar more than it was allowed, which is booked. Change the spec to have it called again."
    )
    return Reason.OVERRUN, message


def _ready(blocked: tuple[Reason, str] | None) -> ConditionValue:
    if blocked is not None:
        return ConditionValue("False", *blocked)
    return ConditionValue(
        "True",
        Reason.AVAILABLE,
        "Apps of the namespaces in spec.namespaces may name this connector. Its spec.minimumRiskClass applies to them.",
    )


def _stalled(blocked: tuple[Reason, str] | None) -> ConditionValue:
    if blocked is not None and blocked[0] is not Reason.ENDPOINT_PENDING:
        return ConditionValue("True", *blocked)
    return ConditionValue("False", Reason.NOT_STALLED, "Nothing blocks the connector.")
