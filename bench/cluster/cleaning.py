# SPDX-License-Identifier: Apache-2.0
"""Removes the bench's apps and all their objects.

Deleting the apps and waiting is not enough: claims outlive their app by design, records by a month, and so many
deleted apps at once raise the operator's alarm. So the children are removed one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.apps import BUDGET, NAMESPACE
from genapps.api.names import (
    LABEL_APP_NAMESPACE,
    RUN_NAMESPACE,
    SYSTEM_NAMESPACE,
    budget_of_ledger,
    connector_of_ledger,
)
from tools.kubectl import Kubectl, until

_CHILDREN = "pods,services,endpointslices,networkpolicies,persistentvolumeclaims,serviceaccounts,configmaps"
_IGNORE = ("--ignore-not-found", "--wait=true", "--timeout=100s")


@asynccontextmanager
async def cleaned(kubectl: Kubectl) -> AsyncIterator[None]:
    """Removes the bench's objects before (an interrupted run may have left some) and after."""
    clean(kubectl)
    try:
        yield
    finally:
        clean(kubectl)


def clean(kubectl: Kubectl) -> None:
    """Apps and their namespace go first, so that the operator neither re-creates anything nor takes it for an
    accident.

    Then go the children, the records (whose purge waits until the operator has seen that the apps are gone), holds,
    connectors and budgets, and in the end what was counted of these.
    """
    kubectl("delete", "generatedapps", "--all", "--namespace", NAMESPACE, *_IGNORE)
    kubectl("delete", "namespace", NAMESPACE, *_IGNORE)
    selector = f"--selector={LABEL_APP_NAMESPACE}={NAMESPACE}"
    kubectl("delete", _CHILDREN, "--namespace", RUN_NAMESPACE, selector, "--grace-period=1", *_IGNORE)
    until(lambda: all("deletedAt" in one["record"] for one in _left(kubectl, "apprecords")), 60, "the end of the apps")
    for kind in ("apprecords", "ledgers"):
        _delete(kubectl, kind, [one["metadata"]["name"] for one in _left(kubectl, kind)], SYSTEM_NAMESPACE)
    for kind in ("appholds", "connectors", "appbudgets"):
        names = [one["metadata"]["name"] for one in kubectl.items(kind)]
        _delete(kubectl, kind, [name for name in names if is_of_the_bench(name)])
    ledgers = [one["metadata"]["name"] for one in kubectl.items("ledgers", "--namespace", SYSTEM_NAMESPACE)]
    about = {name: budget_of_ledger(name) or connector_of_ledger(name) or "" for name in ledgers}
    _delete(kubectl, "ledgers", [name for name in ledgers if is_of_the_bench(about[name])], SYSTEM_NAMESPACE)


def is_of_the_bench(name: str) -> bool:
    """Whether a budget, connector or hold of that name is one of the bench's."""
    return name == BUDGET or name.startswith(f"{BUDGET}-")


def _delete(kubectl: Kubectl, kind: str, names: Sequence[str], namespace: str = "") -> None:
    if names:
        where = ("--namespace", namespace) if namespace else ()
        kubectl("delete", kind, *names, *where, *_IGNORE)


def _left(kubectl: Kubectl, kind: str) -> list[dict[str, Any]]:
    """Of the bench's apps; a Ledger may be of a budget or of a connector."""
    records = kubectl.items(kind, "--namespace", SYSTEM_NAMESPACE)
    return [one for one in records if one["record"].get("app", {}).get("namespace") == NAMESPACE]
