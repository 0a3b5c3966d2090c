# SPDX-License-Identifier: Apache-2.0
"""`print` in one piece: each write to standard output is a record of the log."""

import sys
from typing import Any


def print_line(
    *values: object, sep: str | None = None, end: str | None = None, file: Any = None, flush: bool = False
) -> None:
    """As the built-in `print`."""
    target = sys.stdout if file is None else file
    if target is None:
        return
    target.write((" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))
    if flush:
        target.flush()
