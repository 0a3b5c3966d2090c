# SPDX-License-Identifier: Apache-2.0
"""Conditional and partial requests, as RFC 9110 has them for a file with a strong entity tag and no date.

Without a date of modification, If-Modified-Since, If-Unmodified-Since and dates in If-Range do not count (13.1.3 to
13.1.5): when a file was written nobody knows, and clocks of nodes differ.
"""

import re

_TAG = re.compile(rb'(W/)?("[^"]*")')
_RANGE = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})\Z", re.IGNORECASE)


def is_any(value: bytes, tag: bytes, *, weak: bool) -> bool:
    """Whether a list of entity tags names `tag` (a strong one, in its quotes), or is `*`. A weak tag in the list
    counts only for a `weak` comparison."""
    if value.strip() == b"*":
        return True
    return any(found[2] == tag and (weak or found[1] is None) for found in _TAG.finditer(value))


def is_same(value: bytes, tag: bytes) -> bool:
    """Whether an If-Range names exactly this entity tag."""
    return value.strip() == tag


def asked_range(value: bytes, size: int) -> tuple[int, int] | None:
    """Begin and end (not included) of the one range that is asked for, in bytes of a file of that size; begin and end
    are equal when there is nothing of it. None where the header does not count: it names several ranges, or is none."""
    found = _RANGE.match(value.strip())
    if found is None or found.groups() == (b"", b""):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    begin = int(first)
    return (begin, min(int(last) + 1, size) if last else size) if begin < size else (size, size)
