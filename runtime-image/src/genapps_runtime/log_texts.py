# SPDX-License-Identifier: Apache-2.0
"""The last step before a line is written: what guests and callers said is redacted, escaped and cut, in this order."""

from functools import lru_cache
from typing import Any

from genapps_runtime.problems import DETAIL_CHARACTERS, printable
from genapps_runtime.redaction.text import SECRET, is_plain, is_secret_name, redact, shown

TRACE = "exception"
"""The field of a record that may be as long as a message: Python's `logging` puts the trace of an exception there."""
_TRACES = frozenset({TRACE, "trace"})
_TRACE_CHARACTERS = 2000
"""The engine keeps the end of a longer one."""
_MESSAGE_CHARACTERS = 2000
_CHARACTERS = {
    "path": 500,
    "detail": DETAIL_CHARACTERS,
    "cause": DETAIL_CHARACTERS,
    "message": _MESSAGE_CHARACTERS,
    "trace": 8000,
    "connector": 120,
    "tool": 120,
}
"""Other texts of a line are this process's own, and whole."""
_FIELD_CHARACTERS = 200
_NAME_CHARACTERS = 100
_NAMES = 256
_SHORT = 64
_OWN = frozenset(
    {
        "level",
        "app",
        "namespace",
        "revision",
        "envelope",
        "method",
        "status",
        "millis",
        "turns",
        "guestMillis",
        "guestCpuMillis",
        "hostCpuMillis",
        "requestBytes",
        "responseBytes",
        "by",
        "tenantDigest",
    }
)
"""Fields that hold nothing of a guest's or a caller's. Those of every line are here, because a look at each costs."""


def told(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a line as they are written. Their dictionary is changed."""
    for name in fields.keys() - _OWN:
        value = fields[name]
        if type(value) is not str or len(value) > _SHORT or not is_plain(value):
            fields[name] = _value(name, value)
    return fields


def _value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _text(name, value, _CHARACTERS.get(name))
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, list):
        return [_value(name, one) for one in value]
    if isinstance(value, dict):
        return {key: _fields(one) if key == "fields" else _value(key, one) for key, one in value.items()}
    return redact(str(value))


def _fields(fields: dict[str, Any]) -> dict[str, str]:
    """The named values of a record, all of which the guest chooses."""
    shown_fields = {}
    for name, value in fields.items():
        told_name, secret = _name(name) if len(name) <= _NAME_CHARACTERS else _name.__wrapped__(name)
        limit = _MESSAGE_CHARACTERS if name == TRACE else _FIELD_CHARACTERS
        shown_fields[told_name] = SECRET if secret else _text(name, str(value), limit)
    return shown_fields


@lru_cache(_NAMES)
def _name(name: str) -> tuple[str, bool]:
    """The name as it is written, and whether its value is a secret. An app has few of them, and writes them often."""
    return printable(shown(name, _NAME_CHARACTERS), _NAME_CHARACTERS), is_secret_name(name)


def _text(name: str, text: str, limit: int | None) -> str:
    if name in _TRACES and len(text) >= _TRACE_CHARACTERS:
        # Its first line may be the second half of one, and what was secret in it has no beginning any more.
        text = text.partition("\n")[2] or text
    if limit is None:
        return redact(text)
    told_text = shown(text, limit)
    if name in _TRACES:
        return "\n".join(printable(line, limit) for line in told_text.split("\n"))
    return printable(told_text, limit)
