# SPDX-License-Identifier: Apache-2.0
"""Runs pieces of Python in one real guest, each in an action of its own."""

import json
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import resume_message, start_message
from genapps_runtime.guest.turns import Done, Emit, Failed, parse_turn
from genapps_runtime.heartbeat import Heartbeat

MEMORY_BYTES = 64 * 1024 * 1024
SECONDS = 60
_HEAD = """
from genapps import app


def told(error):
    return f"{type(error).__name__}: {error}"


@app.get("/{number}")
def run(request, number):
    return {"value": globals()["snippet_" + number]()}

"""


class Outcome(NamedTuple):
    """What a snippet has returned, or the problem that it ended with, and what it has logged."""

    value: Any
    problem: str
    log: list[dict[str, Any]]


class Snippets:
    """Bodies of functions, loaded as one app."""

    def __init__(self, engine: Path, bodies: list[str], files: Mapping[str, bytes] = {}) -> None:
        """`files` lie beside the entry file. Raises RefusedError when they do not load."""
        source = _HEAD + "\n".join(
            f"def snippet_{number}():\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
            for number, body in enumerate(bodies)
        )
        self.guest = Guest(Language(str(engine)), Heartbeat(), MEMORY_BYTES)
        message = load_message(Bundle("app.py", {"app.py": source.encode(), **files}), 16 * 1024)
        self.guest.load(message, SECONDS)

    def run(self, number: int) -> Outcome:
        """Run one of them."""
        records: list[str] = []
        body = b""
        turn = parse_turn(self._call(start_message(1, "r", "GET", f"/{number}", "", [], b""), records))
        while isinstance(turn, Emit):
            body += turn.piece
            turn = parse_turn(self.guest.resume(resume_message(1, {}), time.monotonic() + SECONDS, records.append))
        log = [json.loads(record) for record in records]
        if isinstance(turn, Failed):
            return Outcome(None, f"{turn.code}: {turn.detail}", log)
        assert isinstance(turn, Done), turn
        return Outcome(json.loads(body + turn.piece)["value"], "", log)

    def _call(self, message: bytes, records: list[str]) -> bytes:
        return self.guest.start(message, time.monotonic() + SECONDS, records.append)
