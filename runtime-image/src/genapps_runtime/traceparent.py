# SPDX-License-Identifier: Apache-2.0
"""The header `traceparent` of W3C trace context. Operator and runtime have this file each, the same bytes."""

import re
from typing import NamedTuple

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 1
LONGEST = 256
"""Characters of a value that is read: later versions may say more than 55, and nobody knows how much."""


class TraceParent(NamedTuple):
    """A trace, the span in it that asks, and whether its spans are kept. The ids are 32 and 16 hexadecimal digits."""

    trace_id: str
    parent_id: str
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.parent_id}-{int(self.sampled):02x}"


def read_traceparent(value: str) -> TraceParent | None:
    """What the header says; None when it is malformed, and a new trace should begin."""
    match = _FORM.fullmatch(value) if len(value) <= LONGEST else None
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return TraceParent(trace_id, parent_id, bool(int(flags, 16) & _SAMPLED))
