# SPDX-License-Identifier: Apache-2.0
"""PRAGMA of generated code: questions about tables are asked, settings do nothing, others are refused."""

import re
from sqlite3.errors import NotSupportedError
from typing import Any

from genapps.logs import log

_PARTS = re.compile(r"\s*pragma\s+(?:main\s*\.\s*)?(\w+)\s*(=|\()?\s*([^;)]*?)\s*\)?\s*;?\s*\Z", re.IGNORECASE)
ASKED = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"})
"""The host answers these."""
_SETTINGS: dict[str, Any] = {
    "journal_mode": "wal", "foreign_keys": 0, "synchronous": 2, "busy_timeout": 5000, "cache_size": -2000,
    "temp_store": 2, "mmap_size": 0, "encoding": "UTF-8", "auto_vacuum": 0, "case_sensitive_like": None,
    "locking_mode": "normal", "wal_autocheckpoint": 1000, "optimize": None, "recursive_triggers": 0,
    "secure_delete": 1, "page_size": 4096, "journal_size_limit": -1, "automatic_index": 1, "threads": 0,
    "analysis_limit": 0, "wal_checkpoint": None, "defer_foreign_keys": 0, "shrink_memory": None, "read_uncommitted": 0,
}  # fmt: skip
_ANSWERED = frozenset({"journal_mode", "busy_timeout", "mmap_size", "locking_mode", "journal_size_limit"})
"""These give a row also when they are set."""
_told: set[str] = set()


def answer(text: str, *, in_memory: bool) -> tuple[list[str], list[tuple[Any, ...]]] | None:
    """Columns and rows of a PRAGMA; None when the host is to be asked. Raises NotSupportedError."""
    found = _PARTS.match(text)
    name = found[1].lower() if found else ""
    if name in ASKED:
        return None
    if found is None or name not in _SETTINGS:
        told = "; keep such a number in a table of your own" if name == "user_version" else ""
        raise NotSupportedError(f"PRAGMA {name} is not available{told}")
    value, is_set = _SETTINGS[name], bool(found[2])
    if in_memory and name == "journal_mode":
        value = "memory"
    if is_set and name not in _told:
        _told.add(name)
        log.info(f"sqlite3: PRAGMA {name} does nothing here")
    if value is None or (is_set and name not in _ANSWERED):
        return [], []
    return [name], [(value,)]
