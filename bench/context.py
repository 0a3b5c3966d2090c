# SPDX-License-Identifier: Apache-2.0
"""What every measurement is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.interpreter import Interpreter, candidates, chosen
from bench.quiet import Quiet


@dataclass(slots=True)
class Context:
    """`quick` checks that everything works; its figures mean nothing. `work` is a scratch folder on disk.

    `ran_on` says by side what was measured: versions and interpreters."""

    cache: Path
    work: Path
    quiet: Quiet
    quick: bool = False
    notes: list[str] = field(default_factory=list)
    ran_on: dict[str, str] = field(default_factory=dict)
    _interpreter: Interpreter | None = None

    def amount(self, full: int, quick: int) -> int:
        """How many samples to take."""
        return quick if self.quick else full

    def note(self, text: str) -> None:
        """A line below the table; the same one only once."""
        if text not in self.notes:
            self.notes.append(text)

    async def interpreter(self) -> Interpreter:
        """The one Python of all measured servers; chosen at the first call."""
        if self._interpreter is None:
            self._interpreter = await chosen(candidates(self.cache), self.note)
            if not self._interpreter.optimised:
                self.note(f"no ratios: measured on {self._interpreter}")
        return self._interpreter
