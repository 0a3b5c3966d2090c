# SPDX-License-Identifier: Apache-2.0
"""What the log says about code that has loaded: it runs, but not as its writer may think."""

from collections.abc import Iterable

from genapps.habits import changed_globals
from genapps.logs import log


def advise(files: Iterable[tuple[str, str]]) -> None:
    """Warn of objects at module level that functions change. `files` are paths with their source."""
    for path, source in files:
        try:
            found = changed_globals(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # it has loaded, so what is wrong is the advice
        for changed in found:
            log.warning(f"{path}, line {changed.line}: {changed}", file=path, line=changed.line)
