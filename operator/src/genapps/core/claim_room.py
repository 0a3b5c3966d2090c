# SPDX-License-Identifier: Apache-2.0
"""What the state of one tenant may take on the claim: what it may hold, and what is kept beside it of requests with a
key. The runtime has the same figures (`genapps_runtime.state.marks`); a contract test compares them.

Journals of tool calls are not counted. They hold requests that are not finished, and on a full claim they are what is
refused first, before a call.
"""

_SHARE = 8
"""Marks take this part of what a tenant may store, and kept responses as much."""
_MARK_BYTES = 128
_MARKS = (10_000, 250_000)
_RESPONSES_BYTES = (1024 * 1024, 64 * 1024 * 1024)


def beside(per_tenant_bytes: int) -> int:
    """Bytes of marks and kept responses of a tenant who may store so many."""
    share = per_tenant_bytes // _SHARE
    return _within(share // _MARK_BYTES, _MARKS) * _MARK_BYTES + _within(share, _RESPONSES_BYTES)


def _within(value: int, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return min(max(low, value), high)
