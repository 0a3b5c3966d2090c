# SPDX-License-Identifier: Apache-2.0
"""How the scans say what keeps code from loading."""

from collections.abc import Sequence

from genapps.api.conditions import Reason, next_step
from genapps.core.observed import SourceProblem

SHOWN = 3
"""Missing modules that a message names."""
_MISSING = Reason.MODULE_NOT_AVAILABLE


def missing(places: Sequence[str], instead: str, file: str, line: int) -> SourceProblem:
    """`instead` says what to use in place of the first one; nothing where that is not known."""
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    message = f"Module not available to apps: {', '.join(places[:SHOWN])}{more}. {instead or next_step(_MISSING)}"
    return SourceProblem(_MISSING, message, file, line)


def rejected(message: str, file: str = "", line: int = 0) -> SourceProblem:
    """The code is refused as a whole."""
    return SourceProblem(Reason.CODE_REJECTED, message, file, line)
