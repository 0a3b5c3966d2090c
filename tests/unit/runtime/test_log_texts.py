# SPDX-License-Identifier: Apache-2.0
"""What guests and callers said, as it stands in a log line."""

import json
from typing import Any

import pytest

from genapps_runtime.log_texts import told
from genapps_runtime.logs import ActionLog, write

SECRETS = {
    "path": ("/users/ann@example.com/card/4111111111111111", "/users/[redacted:email]/card/[redacted:card]"),
    "requestId": ("Bearer abcdef123456", "Bearer [redacted:token]"),
    "detail": ("ValueError: password=hunter22", "ValueError: password=[redacted:secret]"),
    "trace": ("Traceback\n  dial redis://:pw1@cache\n", "Traceback\n  dial redis://[redacted:credentials]@cache\n"),
    "error": ("OSError('token=abc123')", "OSError('token=[redacted:secret]')"),
}  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_no_field_with_text_of_others_shows_what_is_secret(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    given, left = SECRETS[name]
    write("action", **{name: given})
    assert json.loads(capfd.readouterr().out)[name] == left


def records(*given: dict[str, Any] | str) -> Any:
    log = ActionLog(16 * 1024)
    for record in given:
        log.add(record if isinstance(record, str) else json.dumps(record))
    return told(log.fields())["log"]


def test_a_record_has_its_message_its_values_and_their_names_redacted() -> None:
    fields = {
        "password": "plain",
        "who": "ann@example.com",
        "bob@example.com": 7,
        "tokens": 512,
        "exception": "token=abc123",
    }
    (record,) = records({"level": "info", "message": "to ann@example.com", "fields": fields})
    assert record == {
        "level": "info",
        "message": "to [redacted:email]",
        "fields": {
            "password": "[redacted:secret]",
            "who": "[redacted:email]",
            "[redacted:email]": "7",
            "tokens": "512",
            "exception": "token=[redacted:secret]",
        },
    }


def test_what_is_no_record_is_redacted_too() -> None:
    (record,) = records("not JSON: +41 44 668 18 00")
    assert record == {"level": "info", "message": "not JSON: [redacted:phone]"}


def test_values_in_values_are_redacted() -> None:
    (record,) = records({"level": "info", "message": "m", "fields": {"body": {"user": {"email": "ann@example.com"}}}})
    assert record["fields"] == {"body": "{'user': {'email': '[redacted:email]'}}"}


@pytest.mark.parametrize(
    ("name", "limit"),
    [("path", 500), ("detail", 1000), ("cause", 1000), ("message", 2000), ("trace", 8000), ("tool", 120)],
)
def test_texts_are_cut_after_they_were_redacted(name: str, limit: int) -> None:
    for before in (limit - 10, limit - 1, limit):
        text = "x" * before + " 4111 1111 1111 1111 " + "y" * 20_000
        shown = told({name: text})[name]
        assert len(shown) <= limit
        assert "4111" not in shown


def test_a_trace_whose_beginning_was_cut_loses_its_first_line() -> None:
    cut = ("t-of-a-secret-without-its-beginning\n" + "  at line 1\n" * 400)[:2000]
    assert "without-its-beginning" not in told({"trace": cut})["trace"]
    assert told({"trace": "short\nline"})["trace"] == "short\nline"


def test_a_name_of_any_length_is_cut_and_not_kept() -> None:
    (record,) = records({"level": "info", "message": "m", "fields": {"n" * 5000: 1}})
    assert [len(name) for name in record["fields"]] == [100]


def test_what_is_this_process_own_stays() -> None:
    own = {
        "level": "info",
        "app": "a",
        "status": 200,
        "millis": 1.5,
        "routes": ["GET /a/{b}"],
        "files": 3,
        "none": None,
    }
    assert told(dict(own)) == own
