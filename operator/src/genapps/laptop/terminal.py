# SPDX-License-Identifier: Apache-2.0
"""Log lines of the runtime, as people read them. Texts in them come from the app: nothing of them moves the cursor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

_TEXT = 2_000
"""Characters of one text that are shown."""
_QUIET = frozenset({"ready", "refused", "woken"})
"""Events that whoever started the runtime tells of."""
_IDENTITY = frozenset({"time", "event", "level", "app", "namespace", "revision"})


def shown(line: bytes) -> Iterator[str]:
    """A line of the runtime's output as lines of text; none for what is told otherwise."""
    try:
        found = orjson.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("event"), str):
        yield printable(line.decode("utf-8", "replace"))
    elif found["event"] == "action":
        yield from _action(found)
    elif found["event"] == "call":
        called = [str(found.get(name, "")) for name in ("connector", "tool", "outcome")]
        yield printable(f"  tool {' '.join(called)} {found.get('millis')} ms")
    elif found["event"] not in _QUIET:
        yield f"  {printable(found['event'])}{_fields(found, _IDENTITY)}"


def printable(text: str) -> str:
    """One line, clipped, without control characters."""
    cut = text if len(text) <= _TEXT else f"{text[:_TEXT]}..."
    return "".join(character if character.isprintable() else " " for character in cut).rstrip()


def _action(found: dict[str, Any]) -> Iterator[str]:
    said = [str(found.get(name, "")) for name in ("method", "path", "status")]
    notes = [str(found["origin"])] if found.get("origin") else []
    if found.get("fallback"):
        notes.append(f"fallback {found.get('fallbackKind')}")
    noted = f" ({', '.join(notes)})" if notes else ""
    yield printable(f"{' '.join(said)} {found.get('millis')} ms{noted}")
    yield from _said(found)
    if isinstance(found.get("ownFallback"), dict):
        yield from _said(found["ownFallback"])


def _said(found: dict[str, Any]) -> Iterator[str]:
    """What was logged, and why it failed."""
    for record in found.get("log") or ():
        level, message = record.get("level", "info"), record.get("message", "")
        lines = str(message).splitlines() or [""]
        yield f"    {printable(str(level))} {printable(lines[0])}{_fields(record.get('fields') or {}, frozenset())}"
        yield from (f"      {printable(line)}" for line in lines[1:])
    if found.get("logDropped"):
        yield f"    {found['logDropped']} log records were more than an action may write"
    if found.get("code"):
        detail = printable(str(found.get("detail") or ""))
        yield f"    {printable(str(found['code']))}{': ' if detail else ''}{detail}"
    if found.get("trace"):
        yield from (f"      {printable(line)}" for line in str(found["trace"]).splitlines())


def _fields(found: dict[str, Any], without: frozenset[str]) -> str:
    return "".join(
        f" {printable(name)}={printable(str(value))}" for name, value in found.items() if name not in without
    )
