# SPDX-License-Identifier: Apache-2.0
"""What a description holds that no Connector can, by JSON pointer into the description."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from genapps.core.contracts.hidden_text import hidden_character
from genapps.core.contracts.pointers import ContractFault, pointer

DESCRIPTION = 1024
"""Characters of a description in a Connector."""
TOOL_NAME = re.compile(r"[a-zA-Z]([-_a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """An operation of a description: the tool for it, as in a manifest, or why there is none."""

    at: Path
    tool: dict[str, Any] | None
    refused: ContractFault | None = None


class RefusedError(Exception):
    """One construct of a description, which leaves out the operation or tool that needs it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(problem)
        self.fault = ContractFault(pointer(path), problem)


def text(value: Any, path: Path, limit: int = DESCRIPTION) -> str | None:
    """A description without hidden characters, in one line, cut to a limit. Raises RefusedError."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RefusedError(path, "must be text")
    if character := hidden_character(value):
        raise RefusedError(path, f"the text holds the hidden character {character}; remove it")
    line = " ".join(value.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def mapping(value: Any, path: Path) -> dict[str, Any]:
    """A JSON object. Raises RefusedError."""
    if not isinstance(value, dict):
        raise RefusedError(path, "must be an object")
    return value


def items(value: Any, path: Path) -> list[Any]:
    """A list, which may be absent. Raises RefusedError."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise RefusedError(path, "must be a list")
    return value
