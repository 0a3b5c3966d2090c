# SPDX-License-Identifier: Apache-2.0
"""A server that is measured, ours or a peer."""

from __future__ import annotations

from dataclasses import dataclass

from bench.interpreter import Interpreter


@dataclass(frozen=True, slots=True)
class Server:
    """It listens on the loopback address and runs on the server's core; `pid` is its first process. `interpreter` is
    None for one that is no Python."""

    name: str
    port: int
    pid: int
    interpreter: Interpreter | None = None

    def unlike(self, other: Server) -> str:
        """Why no ratio to the other one may be given: empty when both may be compared."""
        for each in (self, other):
            if each.interpreter is not None and not each.interpreter.optimised:
                return f"{each.name} ran on a Python that is {each.interpreter.build}"
        if self.interpreter and other.interpreter and self.interpreter.kind != other.interpreter.kind:
            return f"{self.name} ran on {self.interpreter.kind}, {other.name} on {other.interpreter.kind}"
        return ""
