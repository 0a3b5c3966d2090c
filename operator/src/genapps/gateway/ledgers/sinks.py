# SPDX-License-Identifier: Apache-2.0
"""One watch on Ledgers for all that reads them: each event goes to every one of them, in order."""

from __future__ import annotations

from collections.abc import Sequence

from genapps.cluster.resources import Object
from genapps.cluster.watch import Sink


class Sinks:
    """A sink of several sinks."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def listed(self, objects: Sequence[Object], resource_version: str) -> None:
        """A complete list."""
        for sink in self._sinks:
            sink.listed(objects, resource_version)

    def changed(self, object_: Object) -> None:
        """An object was added or modified."""
        for sink in self._sinks:
            sink.changed(object_)

    def deleted(self, object_: Object) -> None:
        """An object is gone."""
        for sink in self._sinks:
            sink.deleted(object_)
