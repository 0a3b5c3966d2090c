# SPDX-License-Identifier: Apache-2.0
"""Removes the bench's apps and all their objects.

Deleting the apps and waiting is not enough: claims outlive their app by design, records by a month, and so many
deleted apps at once raise the operator's alarm. So the children are removed one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bench.apps import BUDGET, NAMESPACE
from genapps.api.names import LABEL_APP_NAMESPACE, RUN_NAMESPACE, SYSTEM_NAMESPACE
from tools.kubectl import Kubectl, until

_CHILDREN = "pods,services,endpointslices,networkpolicies,persistentvolumeclaims,serviceaccounts,configmaps"


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

    Then go the children, the records (whose purge waits until the operator has seen that the apps are gone) and the
    budget.
    """
    ignore = ("--ignore-not-found", "--wait=true", "--timeout=100s")
    kubectl("delete", "generatedapps", "--all", "--namespace", NAMESPACE, *ignore)
    kubectl("delete", "namespace", NAMESPACE, *ignore)
    selector = f"--selector={LABEL_APP_NAMESPACE}={NAMESPACE}"
    kubectl("delete", _CHILDREN, "--namespace", RUN_NAMESPACE, selector, "--grace-period=1", *ignore)
    until(lambda: all("deletedAt" in one["record"] for one in _left(kubectl, "apprecords")), 60, "the end of the apps")
    for kind in ("apprecords", "ledgers"):
        names = [one["metadata"]["name"] for one in _left(kubectl, kind)]
        if names:
            kubectl("delete", kind, *names, "--namespace", SYSTEM_NAMESPACE, *ignore)
    kubectl("delete", "appbudget", BUDGET, *ignore)


def _left(kubectl: Kubectl, kind: str) -> list[dict[str, Any]]:
    records = kubectl.items(kind, "--namespace", SYSTEM_NAMESPACE)
    return [one for one in records if one["record"]["app"]["namespace"] == NAMESPACE]
