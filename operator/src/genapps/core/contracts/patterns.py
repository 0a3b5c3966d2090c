# SPDX-License-Identifier: Apache-2.0
"""Patterns that are matched in linear time: no back reference, no look-around, and a bounded program."""

import re
from functools import lru_cache

from genapps.core.contracts.engine import compiled

PATTERN_CHARACTERS = 512
REPETITIONS = 1_000
"""The largest number in braces."""

_COUNT = re.compile(r"\{(\d*),?(\d*)\}")


@lru_cache(maxsize=1024)
def pattern_problem(pattern: str) -> str | None:
    """Why a pattern is refused, or None."""
    if len(pattern) > PATTERN_CHARACTERS:
        return f"the pattern has more than {PATTERN_CHARACTERS} characters"
    for found in _COUNT.finditer(pattern):
        if any(len(number) > 4 or int(number or 0) > REPETITIONS for number in found.groups()):
            return f"the pattern repeats something more than {REPETITIONS} times"
    try:
        compiled({"pattern": pattern})
    except ValueError:
        return "the pattern is invalid, too large, or needs look-around or back references, which are not linear"
    return None
