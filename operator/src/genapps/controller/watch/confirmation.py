# SPDX-License-Identifier: Apache-2.0
"""A person's word that many apps were deleted on purpose: what it covers, and how it is given."""

from __future__ import annotations

from datetime import datetime

from genapps.controller.cache.caches import Caches
from genapps.controller.cache.children import CONFIRM_VANISHED
from genapps.controller.cache.cluster_memory import ClusterMemory
from genapps.core.retention import Confirmation, left_of


def confirmed(caches: Caches, memory: ClusterMemory, now: datetime) -> int:
    """How many apps may still vanish at once because a person has said so."""
    text = _given(caches)
    if not text:
        return 0
    confirmation = Confirmation(int(text.partition("-")[0]), memory.confirmed_since(text, now))
    marked = (record.record.deleted_at for _, record in caches.records_in_use())
    return left_of(confirmation, (at for at in marked if at is not None), now)


def confirming(caches: Caches, count: int, now: datetime) -> str:
    """The command that confirms so many: always another word than the one that is there."""
    text = str(count)
    if text == _given(caches).partition("-")[0]:
        text = f"{count}-{now:%H%M}"
    return f"kubectl annotate namespace {caches.system_namespace} {CONFIRM_VANISHED}={text} --overwrite"


def _given(caches: Caches) -> str:
    namespace = caches.namespaces.get(("", caches.system_namespace))
    return namespace.confirmation if namespace is not None else ""
