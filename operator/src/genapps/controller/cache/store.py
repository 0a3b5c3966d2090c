# SPDX-License-Identifier: Apache-2.0
"""One watched collection in memory: slim records by name, in step with events and with our own writes.

Own writes are stored as soon as the API server answers, so that the next pass sees them; whether an answer or an
event is the newer one is known by resource versions, which grow (and are comparable as integers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from genapps.cluster.resources import Object

T = TypeVar("T")

Name = tuple[str, str]
"""(namespace, name); the namespace is empty for cluster-scoped kinds."""


@dataclass(slots=True)
class _Entry(Generic[T]):
    version: int
    generation: int
    """Another one when somebody changed the spec."""
    value: T


def name_of(object_: Mapping[str, Any]) -> Name:
    """The name of an object."""
    metadata = object_["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


class Store(Generic[T]):
    """A sink of a watch. `slim` makes the record that is kept; `notify` gets (name, old, new) when it changed."""

    def __init__(
        self,
        slim: Callable[[Object], T],
        notify: Callable[[Name, T | None, T | None], None],
        group: Callable[[Name], str] = lambda name: name[1],
    ) -> None:
        self._slim = slim
        self._notify = notify
        self._group = group
        self._entries: dict[Name, _Entry[T]] = {}
        self._groups: dict[str, set[Name]] = {}
        self._seen = 0

    @property
    def seen(self) -> int:
        """The highest resource version that a list or an event had."""
        return self._seen

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Name]:
        return iter(tuple(self._entries))

    def get(self, name: Name) -> T | None:
        """The record of that name; None when there is none."""
        entry = self._entries.get(name)
        return None if entry is None else entry.value

    def items(self) -> Iterator[tuple[Name, T]]:
        """All records by name, as they are now: changes meanwhile do not matter."""
        for name, entry in tuple(self._entries.items()):
            yield name, entry.value

    def values(self) -> Iterator[T]:
        """All records, as they are now."""
        for entry in tuple(self._entries.values()):
            yield entry.value

    def groups(self) -> Iterator[str]:
        """The groups that have a member."""
        return iter(tuple(self._groups))

    def members(self, group: str) -> Iterator[tuple[Name, T]]:
        """The records whose names belong to a group, by name."""
        for name in sorted(self._groups.get(group, ())):
            yield name, self._entries[name].value

    def version(self, name: Name) -> int | None:
        """The resource version of the record, None when there is none."""
        entry = self._entries.get(name)
        return None if entry is None else entry.version

    def listed(self, objects: Sequence[Object], resource_version: str) -> None:
        """A complete list as of that version: what is not in it is gone, unless it is newer."""
        listed_at = int(resource_version)
        self._seen = max(self._seen, listed_at)
        present = set()
        for object_ in objects:
            present.add(name_of(object_))
            self.changed(object_)
        for name, entry in tuple(self._entries.items()):
            if name not in present and entry.version <= listed_at:
                self._drop(name)
                self._notify(name, entry.value, None)

    def changed(self, object_: Object) -> None:
        """An object was added or modified; one that is not newer is ignored."""
        version = self._version(object_)
        self._seen = max(self._seen, version)
        name = name_of(object_)
        entry = self._entries.get(name)
        if entry is not None and entry.version >= version:
            return
        value = self._store(name, object_)
        if entry is None or entry.value != value:
            self._notify(name, None if entry is None else entry.value, value)

    def deleted(self, object_: Object) -> None:
        """An object is gone, unless a newer one has its name."""
        version = self._version(object_)
        self._seen = max(self._seen, version)
        name = name_of(object_)
        entry = self._entries.get(name)
        if entry is not None and entry.version <= version:
            self._drop(name)
            self._notify(name, entry.value, None)

    def written(self, object_: Object, *, insert: bool = True) -> bool:
        """The answer to a write of our own; nobody is notified. An object that is not here is stored only when the
        watch has not yet come past that version: else it was deleted since. Says whether it was stored."""
        version = self._version(object_)
        name = name_of(object_)
        entry = self._entries.get(name)
        newer = entry.version < version if entry is not None else insert and version > self._seen
        if newer:
            self._store(name, object_)
        return newer

    def status_written(self, object_: Object) -> None:
        """The answer to our own write of a status. Nobody is notified of that, but of a spec that somebody wrote in
        between: its event comes late and is not newer than this answer, so nobody would ever hear of it."""
        name = name_of(object_)
        before = self._entries.get(name)
        if self.written(object_, insert=False) and before is not None:
            after = self._entries[name]
            if before.generation != after.generation:
                self._notify(name, before.value, after.value)

    def _store(self, name: Name, object_: Object) -> T:
        value, generation = self._slim(object_), int(object_["metadata"].get("generation", 0))
        self._entries[name] = _Entry(self._version(object_), generation, value)
        self._groups.setdefault(self._group(name), set()).add(name)
        return value

    def _drop(self, name: Name) -> None:
        del self._entries[name]
        group = self._group(name)
        self._groups[group].discard(name)
        if not self._groups[group]:
            del self._groups[group]

    @staticmethod
    def _version(object_: Object) -> int:
        return int(object_["metadata"]["resourceVersion"])
