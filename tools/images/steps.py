# SPDX-License-Identifier: Apache-2.0
"""One line per build step, with its usual and its real time; the output of the tools goes to a log file."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.images.places import cache

TAIL_LINES = 25


class BuildError(Exception):
    """A step failed or a prerequisite is missing; the text is for the person at the terminal."""


@contextmanager
def step(title: str, usual: str) -> Iterator[None]:
    """Print the title before and the seconds after."""
    print(f"  {title} (usually {usual}) ... ", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def run(
    name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> None:
    """Run a tool with its output in `log/<name>.log`; BuildError with the log's tail when it fails."""
    log = cache() / "log" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=cwd, check=False
        )
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        raise BuildError(f"{Path(command[0]).name} failed (exit {done.returncode}); the end of {log}:\n{tail}")


def fail(message: str) -> int:
    """Print an error for the terminal and return the exit code."""
    print(f"\nerror: {message}", file=sys.stderr, flush=True)
    return 1
