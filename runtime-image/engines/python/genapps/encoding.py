# SPDX-License-Identifier: Apache-2.0
"""JSON and queries, with the results of Python's own functions in less time.

Python's functions are general: json.dumps makes a new encoder for any option, json.loads looks for blanks, and
parse_qsl decodes what needs no decoding. Tests hold these to them for any value.
"""

import json
import re
from typing import Any
from urllib.parse import unquote

from genapps.plain import plain

quoted = json.encoder.encode_basestring_ascii
"""A text as JSON, in ASCII."""
_encoder: Any = json.encoder.c_make_encoder  # type: ignore[attr-defined]  # the stubs do not know it
_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
_BLANKS = " \t\n\r"
_HALF = "\\ud"
"""Looked for only where there is a backslash: a search for one letter costs next to nothing."""
_ESCAPES = re.compile(r"\\(?:ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(ud[89a-f][0-9a-f]{2})|.)")


def to_json(value: Any) -> str:
    """The value as `json.dumps` writes it, with what `plain` makes of values that JSON has not.

    Half a character (a lone surrogate) becomes U+FFFD. Raises TypeError or ValueError, also for a number that JSON
    has not.
    """
    if type(value) is str:
        text = quoted(value)
    else:
        # A dictionary of its own for each call, which the encoder needs to see a circle.
        text = "".join(_encoder({}, plain, quoted, None, ": ", ", ", False, False, False)(value, 0))
    return text if "\\" not in text or _HALF not in text else _whole(text)


def to_dense_json(value: Any) -> str:
    """The value without blanks between its parts; otherwise like `to_json`."""
    if type(value) is int:
        return int.__repr__(value)
    if type(value) is str:
        text = quoted(value)
    else:
        text = "".join(_encoder({}, plain, quoted, None, ":", ",", False, False, False)(value, 0))
    return text if "\\" not in text or _HALF not in text else _whole(text)


def _whole(text: str) -> str:
    """JSON in ASCII without halves of characters, which no other program reads."""
    return _ESCAPES.sub(lambda found: "\\ufffd" if found[1] else found[0], text)


def from_json(text: str) -> Any:
    """The value that `json.loads` returns. Raises ValueError."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return json.loads(text)  # it may begin with blanks; if not, this says what is wrong
    return json.loads(text) if text[end:].strip(_BLANKS) else value


def query_pairs(query: str) -> list[tuple[str, str]]:
    """The parameters of a query as `parse_qsl` decodes them, in their order; empty values are kept."""
    parts = [part.partition("=") for part in query.split("&") if part]
    if "%" in query or "+" in query:
        return [(_decoded(name), _decoded(value)) for name, _, value in parts]
    return [(name, value) for name, _, value in parts]


def _decoded(text: str) -> str:
    text = text.replace("+", " ")
    return unquote(text) if "%" in text else text
