# SPDX-License-Identifier: Apache-2.0
"""`time` where nobody can wait, and where clocks say nothing about themselves."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

_NO_SLEEP = "time.sleep is not available to apps, for it would hold up all requests: use `await asyncio.sleep(...)`"
_NANOSECOND = 1e-9
_ADJUSTABLE = {"time": True, "monotonic": False, "perf_counter": False, "process_time": False}


def sleep(seconds: float, /) -> None:
    """It may not wait. Raises RuntimeError."""
    if seconds > 0:
        raise RuntimeError(_NO_SLEEP)


def clock_getres(_clock: int, /) -> float:
    """In seconds: what the functions can tell."""
    return _NANOSECOND


def get_clock_info(name: str, /) -> Any:
    """As that of `time`. Raises ValueError."""
    if name not in _ADJUSTABLE:
        raise ValueError("unknown clock")
    adjustable = _ADJUSTABLE[name]
    return SimpleNamespace(
        adjustable=adjustable, implementation="WASI", monotonic=not adjustable, resolution=_NANOSECOND
    )


def install(replace: Callable[[Any, Any], None]) -> None:
    """Put these in place of Python's; `replace` does so wherever a module holds the old one."""
    for new in (sleep, clock_getres, get_clock_info):
        replace(getattr(time, new.__name__), new)
