# SPDX-License-Identifier: Apache-2.0
"""What the garbage collector looks at while calls are answered."""

from __future__ import annotations

import gc


def keep_all() -> None:
    """What is there now is not looked at again: records and contracts of thousands of apps, which stay.

    Each full collection would go through all of them, and every call would wait for it meanwhile. Whatever is replaced
    later is freed as soon as nobody refers to it, as all objects are that are in no cycle.
    """
    gc.collect()
    gc.freeze()
