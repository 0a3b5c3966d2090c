# SPDX-License-Identifier: Apache-2.0
"""What every measurement is given."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import NotMeasuredError
from bench.peer.workerd import Workerd, workerd, workerd_binary


@dataclass(slots=True)
class Context:
    """`quick` checks that everything works; its figures mean nothing. `work` is a scratch folder on disk."""

    cache: Path
    work: Path
    quick: bool = False
    notes: list[str] = field(default_factory=list)

    def amount(self, full: int, quick: int) -> int:
        """How many samples to take."""
        return quick if self.quick else full

    def note(self, text: str) -> None:
        """A line below the table; the same one only once."""
        if text not in self.notes:
            self.notes.append(text)

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[Workerd | None]:
        """workerd, or None with a note that says why it is missing."""
        try:
            binary = await workerd_binary(self.cache, shutil.which("npm"))
        except NotMeasuredError as reason:
            self.note(f"no ratios to workerd: {reason}")
            yield None
            return
        async with workerd(binary, self.work) as running:
            yield running
