# SPDX-License-Identifier: Apache-2.0
"""Lays out the engine's memory while the engine is built, so that an instance writes to few pages of it.

Each instance gets the engine's memory as pages that are copied when they are written to. What start-up leaves free
lies scattered over thousands of them, and the allocator takes from there first: a load copied a page of 4 KiB for a
few objects. With the gaps filled, new objects lie side by side at the end of the memory. And the collector of
garbage writes to every object that it looks at: it never looks at the engine's.
"""

import gc

_LARGEST = 2**19
_STEP = 8
_SMALL = 2048

_filling: list[bytes | None] = [None] * 20_000


def lay_out() -> None:
    """Take the present objects from the collector; then allocate, from large to small, what fits between them."""
    gc.collect()
    gc.freeze()
    end = id(bytes(2 * _LARGEST))
    sizes = [_LARGEST >> shift for shift in range(8)] + list(range(_SMALL - _STEP, 0, -_STEP))
    filled = 0
    for size in sizes:
        while filled < len(_filling) and id(gap := bytes(size)) < end:
            _filling[filled] = gap
            filled += 1
