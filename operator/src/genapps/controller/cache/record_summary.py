# SPDX-License-Identifier: Apache-2.0
"""What apps have to know of other apps' records, kept up to date with each change of one record."""

from __future__ import annotations

from collections import Counter

from genapps.api.apprecord import AppRecord, Record
from genapps.controller.cache.store import Name


class RecordSummary:
    """Counts over all readable records. A change costs the same however many records there are."""

    def __init__(self) -> None:
        self.apps: Counter[str] = Counter()
        """How many apps that are not deleted have a record, by budget."""
        self.deleted: Counter[str] = Counter()
        """How many deleted apps still have one, and so perhaps their state, by budget."""
        self.connectors: Counter[str] = Counter()
        """How many apps that are not deleted name it, by connector."""
        self.contracts: Counter[str] = Counter()
        """How many records name it, also those of deleted apps, by digest of a contract."""
        self.suspended: dict[Name, Record] = {}
        """Records with an open suspension of some code."""
        self._gone: dict[Name, AppRecord] = {}
        """Records of apps that are gone, or whose deletion was ordered: they hold no place in their budget."""

    def replace(self, name: Name, old: object, new: object) -> None:
        """The record of that name was `old` and is `new`; what is no AppRecord (None, unreadable) counts nothing."""
        for known, one in ((old, -1), (new, 1)):
            if isinstance(known, AppRecord):
                for digest in known.record.named_contracts():
                    _add(self.contracts, digest, one)
        gone = self._gone.pop(name, None)
        if isinstance(old, AppRecord) and gone is None:
            self._count(old.record, -1)
        if isinstance(new, AppRecord):
            if gone and new.record.deleted_at is None and new.record.app.uid == gone.record.app.uid:
                self._gone[name] = new
            else:
                self._count(new.record, 1)
        if isinstance(new, AppRecord) and new.record.suspension and new.record.suspension.code_digest is not None:
            self.suspended[name] = new.record
        else:
            self.suspended.pop(name, None)

    def leave(self, name: Name, record: AppRecord) -> bool:
        """The app of this record is gone or going: its place in the budget is free at once, although the record says
        nothing of it yet. Whether that is news."""
        if name in self._gone or record.record.deleted_at is not None:
            return False
        self._count(record.record, -1)
        self._gone[name] = record
        return True

    def is_gone(self, name: Name) -> bool:
        """Whether `leave` was called for the app of this record."""
        return name in self._gone

    def come_back(self, name: Name) -> bool:
        """The app of this name is there after all, or another one has the name. Whether that is news."""
        record = self._gone.pop(name, None)
        if record is not None:
            self._count(record.record, 1)
        return record is not None

    def _count(self, record: Record, one: int) -> None:
        _add(self.apps if record.deleted_at is None else self.deleted, record.budget, one)
        if record.deleted_at is None:
            for connector in record.envelope.connectors:
                _add(self.connectors, connector, one)


def _add(counter: Counter[str], name: str, one: int) -> None:
    """Names that count nothing are dropped: they come and go by the thousand."""
    counter[name] += one
    if not counter[name]:
        del counter[name]
