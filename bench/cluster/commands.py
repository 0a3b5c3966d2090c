# SPDX-License-Identifier: Apache-2.0
"""The project's own commands that a run needs."""

from __future__ import annotations

import asyncio
import os
import sys

from bench.processes import REPOSITORY


class CommandFailedError(Exception):
    """A command ended with an error, which it has printed."""


async def module(name: str, *arguments: str, **environment: str) -> None:
    """Run `python -m name` with its output on the terminal. Raises CommandFailedError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", name, *arguments), cwd=REPOSITORY, env={**os.environ, **environment}
    )
    if await process.wait():
        raise CommandFailedError(f"python -m {name} {' '.join(arguments)}: ended with status {process.returncode}")
