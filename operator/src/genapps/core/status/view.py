# SPDX-License-Identifier: Apache-2.0
"""What every condition looks at, worked out once for all of them."""

from dataclasses import dataclass
from datetime import timedelta

from genapps.api.conditions import ConditionType
from genapps.api.ledger import ReportedBreaker
from genapps.core.observed import Observed
from genapps.core.pod_state import trouble_since
from genapps.core.reported_breaker import believed
from genapps.core.verdict import Finding, Mode, PodStatus, Verdict

PATIENCE = timedelta(seconds=10)
"""A wait that is shorter is no news: the app is just starting."""


@dataclass(frozen=True, slots=True)
class View:
    """One app as its conditions see it."""

    observed: Observed
    verdict: Verdict

    @property
    def answers(self) -> bool:
        """The app should run, its pod is ready, and its endpoints lead there."""
        endpoints = self.observed.own("EndpointSlice")
        ready = self.verdict.mode is Mode.RUN and self.verdict.pod.status is PodStatus.READY
        return ready and endpoints is not None and not endpoints.deleting

    @property
    def patience_is_over(self) -> bool:
        """The app has not answered for `PATIENCE`."""
        since = trouble_since(self.observed.status)
        return since is not None and self.verdict.at - since >= PATIENCE

    @property
    def open_breaker(self) -> ReportedBreaker | None:
        """What the runtime in the app's pod says, if that is not old news."""
        pod = self.observed.pod
        return believed(self.observed.ledger, pod.uid if pod else None, self.verdict.at)

    def finding(self, condition: ConditionType) -> Finding | None:
        """The first finding that this condition is about."""
        return next((found for found in self.verdict.findings if found.condition is condition), None)
