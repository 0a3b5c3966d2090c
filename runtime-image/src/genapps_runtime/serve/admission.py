# SPDX-License-Identifier: Apache-2.0
"""Which requests with keys run: see `keys`. The others are answered at once."""

import asyncio
from collections.abc import Callable

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import Action
from genapps_runtime.serve.keys import Keyed, admit
from genapps_runtime.serve.messages import Reply
from genapps_runtime.serve.upload import too_long

Unrun = list[tuple[Action, Reply | ProblemError]]


class Admission:
    """Lets an action begin, or ends it. `end` gets those that ended in one iteration of the loop together."""

    def __init__(self, end: Callable[[Unrun], None]) -> None:
        self._end = end
        self._unrun: Unrun = []

    def admits(self, action: Action) -> bool:
        """Whether this action, whose request has a key, may begin."""
        try:
            if action.exchange.upload is not None:
                raise too_long("a request with an Idempotency-Key is compared with those before it")
            found: Keyed | Reply | ProblemError = admit(action.exchange.request, action.facet)
        except ProblemError as problem:
            found = problem
        if isinstance(found, Keyed):
            action.keyed = found
            return True
        self._unrun.append((action, found))
        if len(self._unrun) == 1:
            asyncio.get_running_loop().call_soon(self._end_unrun)
        return False

    def _end_unrun(self) -> None:
        unrun, self._unrun = self._unrun, []
        self._end(unrun)
