# SPDX-License-Identifier: Apache-2.0
"""The rehearsal of the JavaScript engine: an app of ours is loaded, and answers some requests."""

import json
from collections.abc import Callable
from pathlib import Path

ENTRY = "genapps:rehearsal"
"""No app can import it: the paths of a bundle have no colon."""
_HEADERS = '{"host":"a.example","user-agent":"curl","accept":"*/*","content-type":"application/json"}'
_CALL = "CALL"
"""Stands for the number of the call that the turn before asks for."""
_STEPS = (
    ("start", f"1\0r\0GET\0/\0\0{_HEADERS}", "200\0"),
    ("start", f"2\0r\0GET\0/page\0\0{_HEADERS}", "200\0"),
    ("start", f'3\0r\0POST\0/list\0\0{_HEADERS}\0{{"items":["1","2"],"title":"a"}}', "201\0"),
    ("start", f"4\0r\0GET\0/count\0key=a\0{_HEADERS}", "get\0"),
    ("resume", f"4\0{_CALL}\x001", "200\0"),
    ("start", f"5\0r\0GET\0/nowhere\0\0{_HEADERS}", "404\0"),
)
"""The function, its message, and how its turn begins (docs/contracts/compact-form.md)."""


def rehearse(app: Path, call: Callable[[str, str], tuple[bool, str]]) -> None:
    """Do all of it. `call` calls a function of the engine: it gives whether it succeeded, and its text.

    Raises SystemExit when an answer is another one.
    """
    loaded, answer = call("load", json.dumps({"entry": ENTRY, "files": {ENTRY: app.read_text(encoding="utf-8")}}))
    if not loaded:
        raise SystemExit(f"the rehearsal does not load: {answer}")
    for name, message, expected in _STEPS:
        _, answer = call(name, message.replace(_CALL, answer.split("\0")[1]) if _CALL in message else message)
        if not answer.startswith(expected):
            raise SystemExit(f"{name} of {message!r} gave {answer!r} in the rehearsal")
