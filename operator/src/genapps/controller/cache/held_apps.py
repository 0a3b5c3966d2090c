# SPDX-License-Identifier: Apache-2.0
"""Which apps an AppHold matches, as far as the caches tell: the code in a source is known to a pass of its app only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from genapps.api import names
from genapps.api.apphold import AppHold
from genapps.api.apprecord import AppRecord
from genapps.controller.cache.caches import Caches
from genapps.controller.cache.keys import AppKey
from genapps.core.holds import candidate, selects
from genapps.core.observed import Unreadable


class HeldApp(NamedTuple):
    """An app that a hold may match."""

    key: AppKey
    certain: bool
    """False: all fits but the code that runs, and the source may hold other code."""
    has_pod: bool
    """Its record names a pod."""


def held_apps(caches: Caches, name: str, hold: AppHold | Unreadable) -> Iterator[HeldApp]:
    """The apps that exist and that a hold of that name matches, has stopped, or may match."""
    catalogue = caches.catalogue()
    for app_name, app in caches.apps.items():
        key = AppKey(*app_name)
        stored = caches.records.get((caches.system_namespace, names.child_name(*key)))
        record = stored.record if isinstance(stored, AppRecord) else None
        stopped = record is not None and record.suspension is not None and record.suspension.hold == name
        pod = record is not None and record.pod is not None
        if stopped or isinstance(hold, Unreadable) or isinstance(app.model, Unreadable):
            if stopped:
                yield HeldApp(key, True, pod)
            continue
        runs = {record.revision.code_digest} if record and record.revision else set()
        seen = candidate(app.model, catalogue, runs)
        if selects(hold.spec.selector, seen):
            yield HeldApp(key, True, pod)
        elif selects(hold.spec.selector, seen, any_code=True):
            yield HeldApp(key, False, pod)
