# SPDX-License-Identifier: Apache-2.0
"""Parse our own objects into models, and keep only the fields that decisions need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from genapps.api import names
from genapps.api.appbudget import AppBudget
from genapps.api.apphold import AppHold
from genapps.api.apprecord import AppRecord
from genapps.api.budgetrecord import BudgetRecord
from genapps.api.conditions import Reason
from genapps.api.connector import Connector
from genapps.api.fields import ObjectMeta
from genapps.api.generatedapp import GeneratedApp
from genapps.api.ledger import Ledger
from genapps.cluster.resources import Object
from genapps.core.observed import Unreadable
from genapps.core.status.connector import JudgedContract, judged_contract

_METADATA = frozenset({"namespace", "name", "uid", "resourceVersion", "generation", "deletionTimestamp"})
"""Labels and annotations decide nothing, and a tenant may fill them with a quarter of a megabyte."""


_FINALIZERS = 4
"""So many are named in status."""


@dataclass(frozen=True)
class StoredApp:
    """A GeneratedApp as stored, of its metadata only what decides something."""

    raw: Mapping[str, Any]

    @cached_property
    def model(self) -> GeneratedApp | Unreadable:
        """The app as a model, or what of it does not fit (stored under an older schema, say)."""
        try:
            return GeneratedApp.model_validate(self.raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            return Unreadable("GeneratedApp", f"{field}: {first['msg']}")

    @property
    def metadata(self) -> ObjectMeta:
        """What identifies the app, also where its spec cannot be read."""
        return self.model.metadata if isinstance(self.model, GeneratedApp) else ObjectMeta(**self.raw["metadata"])

    @property
    def deleting(self) -> bool:
        """Whether its deletion was ordered."""
        return "deletionTimestamp" in self.raw["metadata"]

    @property
    def family(self) -> str:
        """The family that it belongs to; empty when it names none."""
        return str(at(self.raw, "spec", "envelope", "family") or "")

    @property
    def budget(self) -> str:
        """Name of its budget; empty when it names none."""
        return str(at(self.raw, "spec", "budget") or "")

    @property
    def source(self) -> str:
        """Name of the ConfigMap its code comes from; empty for other sources."""
        return str(at(self.raw, "spec", "code", "source", "configMap", "name") or "")

    @property
    def connectors(self) -> Sequence[str]:
        """The connectors of its envelope."""
        return _listed(self.raw, "spec", "envelope", "connectors")

    @property
    def told_of_connectors(self) -> bool:
        """Whether its status lists the connectors that it may use, because it names another one."""
        conditions = _listed(self.raw, "status", "conditions")
        return any(at(condition, "reason") == Reason.CONNECTOR_UNKNOWN for condition in conditions)


@dataclass(frozen=True, slots=True)
class StoredBudget:
    """An AppBudget and its status as stored (which says what to write, never what holds)."""

    model: AppBudget | Unreadable
    status: Mapping[str, Any]


@dataclass(frozen=True)
class StoredConnector:
    """A Connector and its status as stored."""

    model: Connector | Unreadable
    status: Mapping[str, Any]

    @cached_property
    def contract(self) -> JudgedContract:
        """What it promises. Worked out once: schemas may be large, and its status is looked at often."""
        return judged_contract(self.model) if isinstance(self.model, Connector) else JudgedContract(None)

    @property
    def service(self) -> tuple[str, str] | None:
        """Namespace and name of the Service that it names."""
        named = self.model.spec.endpoint.service if isinstance(self.model, Connector) else None
        return None if named is None else (named.namespace, named.name)


@dataclass(frozen=True, slots=True)
class StoredHold:
    """An AppHold and its status as stored."""

    model: AppHold | Unreadable
    generation: int
    status: Mapping[str, Any]


def at(object_: Mapping[str, Any], *path: str) -> Any:
    """The value at a path of objects, None where there is none."""
    value: Any = object_
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _listed(object_: Mapping[str, Any], *path: str) -> Sequence[Any]:
    found = at(object_, *path)
    return found if isinstance(found, list) else ()


def app(object_: Object) -> StoredApp:
    """A GeneratedApp; its model is made when somebody asks for it."""
    metadata = {name: value for name, value in object_["metadata"].items() if name in _METADATA}
    if finalizers := object_["metadata"].get("finalizers"):
        metadata["finalizers"] = finalizers[:_FINALIZERS]
    return StoredApp({**object_, "metadata": metadata})


def budget(object_: Object) -> StoredBudget:
    """An AppBudget."""
    status = object_.get("status") or {}
    try:
        return StoredBudget(AppBudget.model_validate(object_), status)
    except ValidationError as error:
        return StoredBudget(Unreadable("AppBudget", str(error)), status)


def connector(object_: Object) -> StoredConnector:
    """A Connector."""
    status = object_.get("status") or {}
    try:
        return StoredConnector(Connector.model_validate(object_), status)
    except ValidationError as error:
        return StoredConnector(Unreadable("Connector", str(error)), status)


def hold(object_: Object) -> StoredHold:
    """An AppHold."""
    generation, status = int(object_["metadata"].get("generation") or 0), object_.get("status") or {}
    try:
        return StoredHold(AppHold.model_validate(object_), generation, status)
    except ValidationError as error:
        return StoredHold(Unreadable("AppHold", str(error)), generation, status)


def record(object_: Object) -> AppRecord | Unreadable:
    """An AppRecord, if it speaks of the app that its name is derived from."""
    try:
        read = AppRecord.model_validate(object_)
    except ValidationError as error:
        return Unreadable("AppRecord", str(error))
    about = read.record.app
    if names.child_name(about.namespace, about.name) != read.metadata.name:
        return Unreadable("AppRecord", f"it speaks of {about.namespace}/{about.name}, whose record has another name")
    return read


def ledger(object_: Object) -> Ledger | Unreadable:
    """A Ledger."""
    try:
        return Ledger.model_validate(object_)
    except ValidationError as error:
        return Unreadable("Ledger", str(error))


def budget_record(object_: Object) -> BudgetRecord | Unreadable:
    """A BudgetRecord, if it speaks of the budget that it is named after."""
    try:
        read = BudgetRecord.model_validate(object_)
    except ValidationError as error:
        return Unreadable("BudgetRecord", str(error))
    if read.record.budget != read.metadata.name:
        return Unreadable("BudgetRecord", f"it speaks of {read.record.budget}")
    return read


def version(object_: Object) -> str:
    """The resource version: all that is known of a ConfigMap with code."""
    return str(object_["metadata"]["resourceVersion"])


def cluster_ip(object_: Object) -> str | None:
    """The address of a Service; None while it has none."""
    address = at(object_, "spec", "clusterIP")
    return None if address in (None, "", "None") else str(address)


def answers(object_: Object) -> bool:
    """Whether an EndpointSlice leads to a pod that is ready."""
    endpoints = object_.get("endpoints") or ()
    return any((endpoint.get("conditions") or {}).get("ready", True) for endpoint in endpoints)


def ca(object_: Object) -> str | None:
    """The CA certificate in a ConfigMap (PEM); None when it holds none."""
    pem = at(object_, "data", names.GATEWAY_CA_KEY)
    return str(pem) if pem else None
