# SPDX-License-Identifier: Apache-2.0
"""Code in JavaScript that must not load is refused with its file and line; what looks odd, and is right, loads."""

import time

import pytest

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.store import ignore_record
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.termination import RefusedError
from tests.runtime.javascript.rejected import LOADED, REJECTED

Files = str | dict[str, str]


def load(language: Language, files: Files) -> Guest:
    """Raises RefusedError."""
    texts = {"app.js": files} if isinstance(files, str) else files
    entry = next(name for name in texts if name.startswith("app."))
    bundle = Bundle(entry, {name: text.encode() for name, text in texts.items()})
    guest = Guest(language, Heartbeat(), 32 * 1024 * 1024)
    guest.load(load_message(bundle, 16384, "javascript", []), 0.2)
    return guest


@pytest.mark.parametrize(("files", "reason", "text"), [row[1:] for row in REJECTED], ids=[row[0] for row in REJECTED])
def test_code_in_javascript_that_does_not_load_is_refused_with_its_place(
    javascript: Language, files: Files, reason: str, text: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        load(javascript, files)
    assert str(refused.value.reason) == reason
    assert text in refused.value.message
    assert len(refused.value.message) < 5000


@pytest.mark.parametrize("files", [row[1] for row in LOADED], ids=[row[0] for row in LOADED])
def test_code_in_javascript_that_looks_odd_loads(javascript: Language, files: Files) -> None:
    guest = load(javascript, files)
    turn = guest.start(b'1\0r\0GET\0/\0\0{"host":"a"}', time.monotonic() + 5, ignore_record)
    assert turn.endswith(b"\0fine")
    guest.drop()
