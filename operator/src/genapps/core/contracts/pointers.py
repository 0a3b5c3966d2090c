# SPDX-License-Identifier: Apache-2.0
"""A fault of a JSON document, named by a JSON pointer (RFC 6901)."""

from collections.abc import Iterable
from dataclasses import dataclass

from genapps.core.text import plain

SHOWN = 100
"""Characters of a pointer in a message: its parts may be names that a guest or an upstream chose."""


@dataclass(frozen=True, slots=True)
class ContractFault:
    """What is wrong, and where. The empty pointer names the whole document."""

    pointer: str
    problem: str

    def __str__(self) -> str:
        return f"{shown(self.pointer)}: {self.problem}"

    def below(self, prefix: str) -> "ContractFault":
        """The same fault, seen from a document in which this one stands at `prefix`."""
        return ContractFault(prefix + self.pointer, self.problem)


def pointer(path: Iterable[str | int]) -> str:
    """The JSON pointer of a path.

    >>> pointer(["tools", 0, "a/b~c"])
    '/tools/0/a~1b~0c'
    """
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def shown(where: str) -> str:
    """A pointer as harmless text of at most 100 characters; the whole document is `(the whole)`."""
    return plain(where, SHOWN) or "(the whole)"
