# SPDX-License-Identifier: Apache-2.0
"""What the demo prints: headings, the commands that it runs, and their results. Colours only on a terminal."""

import shlex
import sys
import textwrap
import time
from collections.abc import Sequence

WIDTH = 110
LINES = 8
BOLD, DIM, GREEN, RED, BLUE, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[34m", "\x1b[0m"


class SceneError(Exception):
    """A scene had another result than the demo promises. The text says so to the person at the terminal."""


class Terminal:
    """Prints scenes; `quiet` prints nothing, for tests."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._colours = sys.stdout.isatty() and not quiet
        self._started = time.monotonic()
        self._scene = 0

    def scene(self, title: str) -> None:
        """A numbered heading with the seconds since the start."""
        self._scene += 1
        elapsed = f"{time.monotonic() - self._started:5.1f} s"
        heading = f"{self._scene}. {title}"
        self._print("")
        self._print(self._in(BOLD, heading) + self._in(DIM, elapsed.rjust(max(2, WIDTH - len(heading)))))

    def say(self, text: str) -> None:
        """A paragraph in plain words."""
        for line in textwrap.wrap(text, WIDTH - 3):
            self._print(f"   {line}")

    def command(self, words: Sequence[str]) -> None:
        """A command as the person at the terminal could type it."""
        self._print("   " + self._in(BLUE, f"$ {shlex.join(words)}"))

    def output(self, text: str) -> None:
        """What a command printed."""
        for line in text.rstrip().splitlines():
            self._print(f"     {line}")

    def excerpt(self, text: str) -> None:
        """What an app answered: its first lines, each cut to the width of the screen."""
        lines = text.strip().splitlines()
        for line in lines[:LINES]:
            self._print("     " + (line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..."))
        if len(lines) > LINES:
            self._print(f"     ... and {len(lines) - LINES} more lines")

    def good(self, text: str) -> None:
        """A result that is as promised."""
        self._print(f"   {self._in(GREEN, 'ok')}  {text}")

    def rows(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table with columns as wide as their content."""
        widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
        for index, row in enumerate((head, *rows)):
            line = "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self._print("     " + (self._in(DIM, line) if index == 0 else line))

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colours else text

    def _print(self, line: str) -> None:
        if not self._quiet:
            print(line, flush=True)


def failure(message: str) -> None:
    """The reason why the demo ends early, on standard error."""
    colour, plain = (RED, PLAIN) if sys.stderr.isatty() else ("", "")
    print(f"\n   {colour}failed{plain}  {message}", file=sys.stderr, flush=True)
