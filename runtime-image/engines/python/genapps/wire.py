"""JSON at the boundary to the host, by the standard library's C code without the Python around it.

`json.loads` and `json.dumps` spend most of their time on options that are not used here, and the engine's Python is
several times slower than the host's.
"""

import json
from collections.abc import Callable
from typing import Any

_scan = json.JSONDecoder().scan_once
quoted: Callable[[str], str] = json.encoder.encode_basestring_ascii
"""A string as JSON, in ASCII: whatever it holds crosses the boundary."""
_open: dict[int, Any] = {}
"""The containers that are being written: how the encoder finds circles."""
_encode = json.encoder.c_make_encoder(_open, json.JSONEncoder().default, quoted, None, ":", ",", False, False, False)


def parse(text: str) -> Any:
    """The value that `text` begins with: JSON that the host or this engine has written."""
    return _scan(text, 0)[0]


def compact(value: Any) -> str:
    """As `json.dumps` without blanks; raises ValueError for NaN and infinity, which are not JSON."""
    try:
        return "".join(_encode(value, 0))
    except BaseException:
        _open.clear()  # it leaves what it was in when it failed
        raise
