# SPDX-License-Identifier: Apache-2.0
"""What the platform asks an app with tenants on their behalf: entries of the queue, and ticks of schedules.

An instance serves one tenant, and such requests may take minutes. So they never take all instances at once: callers
have one.
"""

from collections import deque
from collections.abc import Callable

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.keys import NOT_YET
from genapps_runtime.serve.messages import Exchange
from genapps_runtime.serve.tenant_admission import TenantAdmission
from genapps_runtime.state.facet import Facet

OF_TENANT = NOT_YET | {"BreakerOpen", "StateUnavailable"}
"""Why a request does not begin for one tenant, while those of others might: each has a breaker of their own."""


class OwnRequests:
    """Lets so many begin that one of the `instances` is left, in the order in which they came.

    `take` gets those that begin, `refuse` the others. Call `ended` for each that was answered.
    """

    def __init__(
        self,
        admission: TenantAdmission,
        instances: int,
        take: Callable[[Exchange, Facet], None],
        refuse: Callable[[Exchange, ProblemError], None],
    ) -> None:
        self._admission = admission
        self._free = max(1, instances - 1)
        self._take = take
        self._refuse = refuse
        self._waiting: deque[tuple[str, Exchange]] = deque()

    def submit(self, tenant: str, exchange: Exchange) -> None:
        """Take a request for a tenant who is known from before."""
        self._waiting.append((tenant, exchange))
        self._begin()

    def ended(self) -> None:
        """One of those that were submitted is answered."""
        self._free += 1
        self._begin()

    def _begin(self) -> None:
        while self._waiting and self._free:
            tenant, exchange = self._waiting.popleft()
            self._free -= 1
            if exchange.gone:
                self._refuse(exchange, ProblemError("CallerGone"))
            else:
                self._admission.admit_known(exchange, tenant, self._take, self._refuse)
