# SPDX-License-Identifier: Apache-2.0
"""Which app is calling: the operator's AppRecords, watched, and the one question asked of them.

A token proves a pod; only the pod that the operator wrote into the record of its app is that app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError

from genapps.api.apprecord import AppRecord, Record
from genapps.core.budgets.amounts import Limits, tier_limits

if TYPE_CHECKING:
    from genapps.gateway.callers.identity import Caller  # with what reads tokens: `genapps dev` does without

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """An app as the operator last judged it; `child` names its record, ledger and everything it has."""

    child: str
    record: Record
    ceilings: Limits = field(init=False, compare=False)
    """Of its tier, in what a period may use."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ceilings", tier_limits(self.record.tier))


class Records:
    """A sink of the watch on AppRecords. `on_gone` is called with each child whose record is gone."""

    def __init__(self, on_gone: Callable[[str], None]) -> None:
        self._on_gone = on_gone
        self._apps: dict[str, App] = {}

    def __len__(self) -> int:
        return len(self._apps)

    def find(self, caller: Caller) -> App | None:
        """The app whose current pod the caller is; what is left of a deleted app is nobody."""
        app = self._apps.get(caller.service_account)
        if app is None or app.record.deleted_at is not None:
            return None
        pod = app.record.pod
        if pod is None or (pod.uid, pod.namespace, pod.name) != (caller.pod_uid, caller.namespace, caller.pod_name):
            return None
        return app

    def issuers(self) -> set[str]:
        """The issuers of tenants' tokens whose keys living apps need."""
        needed = (app.record.token_keys for app in self._apps.values() if app.record.deleted_at is None)
        return {keys.issuer for keys in needed if keys is not None and keys.issuer is not None}

    def listed(self, objects: Sequence[dict[str, Any]], _resource_version: str) -> None:
        """A complete list: what is not in it is gone."""
        before = set(self._apps)
        self._apps.clear()
        for object_ in objects:
            self.changed(object_)
        for child in before - {str(object_["metadata"]["name"]) for object_ in objects}:
            self._on_gone(child)

    def changed(self, object_: dict[str, Any]) -> None:
        """A record was written. One that cannot be read admits nobody."""
        child = str(object_["metadata"]["name"])
        try:
            self._apps[child] = App(child, AppRecord.model_validate(object_).record)
        except ValidationError as error:
            self._apps.pop(child, None)
            _log.error("record_unreadable", child=child, faults=error.error_count())

    def deleted(self, object_: dict[str, Any]) -> None:
        """The operator purged a record."""
        child = str(object_["metadata"]["name"])
        self._apps.pop(child, None)
        self._on_gone(child)
