# SPDX-License-Identifier: Apache-2.0
"""Ids for requests whose callers give none: 32 hexadecimal digits, drawn many at a time."""

import os

_BYTES = 16
_DRAWN = 256
_pool: list[str] = []


def new_id() -> str:
    """An id that no caller can guess. Never drawn before the worker is forked, so no two workers share some."""
    if not _pool:
        digits = os.urandom(_BYTES * _DRAWN).hex()
        _pool.extend(digits[at : at + 2 * _BYTES] for at in range(0, len(digits), 2 * _BYTES))
    return _pool.pop()
