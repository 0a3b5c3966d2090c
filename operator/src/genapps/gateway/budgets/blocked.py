# SPDX-License-Identifier: Apache-2.0
"""Connectors that used more than they were allowed: nobody calls them until their spec changes.

The gateway that saw it refuses at once, and `ledgers.connector_ledger` writes it; the others hear of it by their watch
on Ledgers. So it also holds after a restart of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from genapps.api.ledger import Ledger, Overrun
from genapps.api.names import connector_of_ledger
from genapps.cluster import clocks
from genapps.core.budgets.amounts import Amounts
from genapps.gateway.catalogue import Offer

_log = structlog.get_logger(__name__)


class BlockedConnectors:
    """A sink of the watch on Ledgers; `clock` is the time of day."""

    def __init__(self, clock: Callable[[], datetime] = clocks.utc_now) -> None:
        self._clock = clock
        self._seen: dict[str, Overrun] = {}
        """By this process, by connector."""
        self._written: dict[str, Overrun] = {}
        """As Ledgers say."""

    def blocks(self, offer: Offer) -> bool:
        """Whether nobody may call the connector."""
        if not self._seen and not self._written:
            return False
        found = self._seen.get(offer.name), self._written.get(offer.name)
        return any(overrun is not None and overrun.version == offer.version for overrun in found)

    def block(self, offer: Offer, over: Amounts) -> None:
        """The connector has used so much more than it was allowed."""
        if not self.blocks(offer):
            self._seen[offer.name] = Overrun(
                at=self._clock(),
                version=offer.version,
                tokens=over.stored().tokens,
                cost_micros=over.stored().cost_micros,
            )

    def unwritten(self, connector: str) -> Overrun | None:
        """What its Ledger does not say yet, as far as it is known here."""
        seen = self._seen.get(connector)
        return None if seen is None or self._written.get(connector) == seen else seen

    def wrote(self, connector: str, overrun: Overrun) -> None:
        """Its Ledger says it now."""
        self._written[connector] = overrun

    def forget(self, connector: str) -> None:
        """The connector is gone."""
        self._seen.pop(connector, None)
        self._written.pop(connector, None)

    def listed(self, objects: Sequence[dict[str, Any]], _resource_version: str) -> None:
        """A complete list of Ledgers."""
        self._written.clear()
        for object_ in objects:
            self.changed(object_)

    def changed(self, object_: dict[str, Any]) -> None:
        """A Ledger was written. One that cannot be read takes back nothing."""
        connector = connector_of_ledger(str(object_["metadata"]["name"]))
        if connector is None:
            return
        try:
            use = Ledger.model_validate(object_).record.connector
        except ValidationError as error:
            _log.error("ledger_unreadable", child=object_["metadata"]["name"], faults=error.error_count())
            return
        if use is None or use.overrun is None:
            self._written.pop(connector, None)
        else:
            self._written[connector] = use.overrun

    def deleted(self, object_: dict[str, Any]) -> None:
        """A Ledger is gone, as its connector is."""
        connector = connector_of_ledger(str(object_["metadata"]["name"]))
        if connector is not None:
            self._written.pop(connector, None)
