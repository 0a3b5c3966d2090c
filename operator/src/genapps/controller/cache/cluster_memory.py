# SPDX-License-Identifier: Apache-2.0
"""Which cluster this is, and how far its history had come: remembered so that another one is not mistaken for it.

When a definition is deleted, a cluster is built anew or an old copy of its store is restored, all apps seem to be gone
although nobody deleted them. What was seen before is kept as annotations of the operator's Lease, which is written
anyway, and so outlives the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from genapps.api.fields import rfc3339
from genapps.api.names import GROUP

_SYSTEM_UID = f"{GROUP}/kube-system-uid"
_DEFINITION_UID = f"{GROUP}/definition-uid"
_VERSION = f"{GROUP}/highest-version"
_CONFIRMATION = f"{GROUP}/confirmation"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one live look at the API server found."""

    system_uid: str
    """Of the namespace kube-system, which lives as long as the cluster."""
    definition_uid: str
    """Of the CustomResourceDefinition of GeneratedApps; empty when it is gone or being deleted."""
    version: int
    """The store's version at that moment."""
    known: int
    """The highest version that had been seen before the look began. What the caches hear while it lasts may be newer
    than what it finds."""


class ClusterMemory:
    """`seen` gives the highest resource version in the caches."""

    def __init__(self, seen: Callable[[], int]) -> None:
        self._seen = seen
        self._system_uid = ""
        self._definition_uid = ""
        self._version = 0
        self._confirmation: tuple[str, datetime] | None = None
        self.doubt = ""
        """Why the last look was not believed; empty when it was."""

    def highest_version(self) -> int:
        """The highest version that this process or an earlier one has seen until now."""
        self._version = max(self._version, self._seen())
        return self._version

    def load(self, annotations: Mapping[str, str]) -> None:
        """Take over what an earlier process remembered; what is missing or cannot be read counts as never seen."""
        self._system_uid = annotations.get(_SYSTEM_UID, "") or self._system_uid
        self._definition_uid = annotations.get(_DEFINITION_UID, "") or self._definition_uid
        version = annotations.get(_VERSION, "")
        self._version = max(self._version, int(version) if version.isdecimal() else 0)
        text, _, since = annotations.get(_CONFIRMATION, "").partition(" ")
        with suppress(ValueError):
            self._confirmation = (text, datetime.fromisoformat(since))

    def annotations(self) -> dict[str, str]:
        """What has to be remembered; empty values are left out."""
        version = self.highest_version()
        known = {
            _SYSTEM_UID: self._system_uid,
            _DEFINITION_UID: self._definition_uid,
            _VERSION: str(version or ""),
            _CONFIRMATION: f"{self._confirmation[0]} {rfc3339(self._confirmation[1])}" if self._confirmation else "",
        }
        return {name: value for name, value in known.items() if value}

    def confirmed_since(self, text: str, now: datetime) -> datetime:
        """When this word of a person was seen first; another word is a new one."""
        if self._confirmation is None or self._confirmation[0] != text:
            self._confirmation = (text, now)
        return self._confirmation[1]

    def believes(self, found: Sighting) -> bool:
        """Whether an app that is missing was deleted in this cluster. The first look is believed and remembered."""
        self.doubt = self._doubt(found)
        if not self.doubt:
            self._remember(found)
        return not self.doubt

    def adopt(self, found: Sighting) -> None:
        """From now on this is the cluster: every app that is known was found in it."""
        if found.definition_uid:
            self._version = 0
            self._remember(found)
            self.doubt = ""

    def _doubt(self, found: Sighting) -> str:
        if not found.definition_uid:
            return "the CustomResourceDefinition of GeneratedApps is gone or being deleted"
        if self._definition_uid not in ("", found.definition_uid):
            return "the CustomResourceDefinition of GeneratedApps was deleted and made again"
        if self._system_uid not in ("", found.system_uid):
            return "the namespace kube-system is another one: this is not the cluster that the apps were seen in"
        if found.version < found.known:
            return f"the store is at version {found.version}, and was at {found.known}: an older copy was restored"
        return ""

    def _remember(self, found: Sighting) -> None:
        self._system_uid, self._definition_uid = found.system_uid, found.definition_uid
        self._version = max(self._version, found.version)
