# SPDX-License-Identifier: Apache-2.0
"""What the command line names, before anything is read. It imports next to nothing: every start waits for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

OWN_FOLDER = ".genapps"
"""Ours, beside the code: it holds the state."""
LOCK = "lock"
"""In the folder of the state: held while the app is served, with the name of a socket of its process in it."""
_OTHER = re.compile("[^a-z0-9]+")


class SourceError(Exception):
    """There is nothing to run; the text says why, in the words of the platform, with file and line where it has one."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the command line names."""

    path: Path
    entry: str | None = None
    budget: Path | None = None
    tier: str | None = None
    connectors: tuple[Path, ...] = ()
    """Manifests of Connectors."""

    def watched(self) -> tuple[Path, ...]:
        """Everything that is read anew when it changes."""
        return (self.path, *self.connectors, *((self.budget,) if self.budget else ()))


def name_of(path: Path) -> str:
    """The name of an app from that of its file or folder: a DNS label."""
    whole = path.resolve()
    stem = whole.parent.name if whole.stem == "app" and whole.parent.name else whole.stem
    return _OTHER.sub("-", stem.lower())[:63].strip("-") or "app"


def state_of(path: Path) -> Path:
    """Where the state of an app is kept, unless the command line says otherwise."""
    return (path if path.is_dir() else path.parent) / OWN_FOLDER / name_of(path)
