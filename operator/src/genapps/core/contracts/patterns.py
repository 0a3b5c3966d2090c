# SPDX-License-Identifier: Apache-2.0
"""Patterns that are matched in linear time: no back reference, no look-around, and a bounded program."""

import re
from functools import lru_cache
from typing import NoReturn

import jsonschema_rs

PATTERN_CHARACTERS = 512
REPETITIONS = 1_000
"""The largest number in braces."""
PATTERN_OPTIONS = jsonschema_rs.RegexOptions(size_limit=512 * 1024, dfa_size_limit=1024 * 1024)
"""The engine of Rust's `regex`, which never backtracks; bytes of a compiled pattern, and of its cache."""

_COUNT = re.compile(r"\{(\d*),?(\d*)\}")


def deny(uri: str) -> NoReturn:
    """The retriever of every validator: nothing is fetched. Raises LookupError."""
    raise LookupError(f"no schema is fetched, and so not {uri}")


@lru_cache(maxsize=1024)
def pattern_problem(pattern: str) -> str | None:
    """Why a pattern is refused, or None."""
    if len(pattern) > PATTERN_CHARACTERS:
        return f"the pattern has more than {PATTERN_CHARACTERS} characters"
    for found in _COUNT.finditer(pattern):
        if any(len(number) > 4 or int(number or 0) > REPETITIONS for number in found.groups()):
            return f"the pattern repeats something more than {REPETITIONS} times"
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, retriever=deny, pattern_options=PATTERN_OPTIONS)
    except (jsonschema_rs.ValidationError, ValueError):
        return "the pattern is invalid, too large, or needs look-around or back references, which are not linear"
    return None
