# SPDX-License-Identifier: Apache-2.0
"""Log lines as people read them."""

import json
from typing import Any

from genapps.laptop.terminal import shown

ACTION = {"event": "action", "level": "info", "method": "GET", "path": "/x", "status": 200, "millis": 1.5}


def said(**fields: Any) -> list[str]:
    return list(shown(json.dumps({**ACTION, **fields}).encode()))


def test_an_action_is_a_line_with_what_the_app_has_logged_below() -> None:
    log = [{"level": "info", "message": "greeted\ntwice", "fields": {"name": "a"}}]
    assert said(log=log) == ["GET /x 200 1.5 ms", "    info greeted name=a", "      twice"]


def test_what_failed_says_why_and_where() -> None:
    found = said(status=500, code="AppFailed", detail="ValueError: no", trace="app.py, line 3\n  f()")
    assert found[1:] == ["    AppFailed: ValueError: no", "      app.py, line 3", "        f()"]


def test_an_answer_of_a_fallback_says_so_and_what_the_function_has_logged() -> None:
    own = {"log": [{"level": "info", "message": "stale"}], "trace": "app.py, line 9"}
    found = said(code="MemoryExceeded", detail="", fallback="trap", fallbackKind="export", ownFallback=own)
    assert found[0] == "GET /x 200 1.5 ms (fallback export)"
    assert found[1:] == ["    MemoryExceeded", "    info stale", "      app.py, line 9"]


def test_ticks_say_that_they_are_ticks() -> None:
    assert said(origin="schedule") == ["GET /x 200 1.5 ms (schedule)"]


def test_a_call_of_a_tool_is_one_line() -> None:
    found = shown(b'{"event": "call", "connector": "rates", "tool": "latest", "outcome": "ok", "millis": 9.5}')
    assert list(found) == ["  tool rates latest ok 9.5 ms"]


def test_dropped_records_are_counted() -> None:
    assert said(logDropped=3)[1] == "    3 log records were more than an action may write"


def test_nothing_of_an_app_moves_the_cursor() -> None:
    found = said(path="/\x1b[2J", log=[{"level": "\x1b", "message": "\x1b]0;x\x07\u202e", "fields": {"\x1b": "\x9b"}}])
    assert all(text.isprintable() for text in found)


def test_long_texts_are_clipped() -> None:
    assert len(said(log=[{"message": "x" * 100_000}])[1]) < 2_100


def test_other_events_are_shown_with_their_fields_and_starts_are_told_elsewhere() -> None:
    assert list(shown(b'{"event": "napping", "time": "now", "app": "x", "millis": 60000}')) == [
        "  napping millis=60000"
    ]
    assert list(shown(b'{"event": "ready"}')) == []


def test_what_is_no_log_line_is_shown_as_it_is() -> None:
    assert list(shown(b"Traceback \xff\x1b[1m\n")) == ["Traceback \ufffd [1m"]
    assert list(shown(b"[1]\n")) == ["[1]"]
    assert list(shown(b'{"event": 1}\n')) == ['{"event": 1}']
