# SPDX-License-Identifier: Apache-2.0
"""The status: what was observed and judged, in the words of the API. One summariser, and one function per condition.

A mirror only: no verdict is ever read back from a status.
"""

from genapps.core.status.summary import status
from genapps.core.status.transitions import Event, transitions
from genapps.core.status.waiting import look_again

__all__ = ["Event", "look_again", "status", "transitions"]
