"""What every condition looks at, worked out once for all of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from genapps.api.conditions import ConditionType, Reason, Status
from genapps.core.desired.pod import pod
from genapps.core.observed import Observed
from genapps.core.pod_state import PodStanding, Standing, pod_standing, trouble_since
from genapps.core.verdict import Finding, Mode, Verdict

PATIENCE = timedelta(seconds=10)
"""A wait that is shorter is no news: the app is just starting."""


class Outcome(NamedTuple):
    """One condition without its times."""

    status: Status
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class View:
    """One app as its conditions see it."""

    observed: Observed
    verdict: Verdict
    pod: PodStanding

    @property
    def answers(self) -> bool:
        return self.verdict.mode is Mode.RUN and self.pod.standing is Standing.READY

    @property
    def patience_is_over(self) -> bool:
        since = trouble_since(self.observed)
        return since is not None and self.verdict.at - since >= PATIENCE

    def finding(self, condition: ConditionType) -> Finding | None:
        """The first finding that this condition is about."""
        return next((found for found in self.verdict.findings if found.condition is condition), None)


def view_of(observed: Observed, verdict: Verdict) -> View:
    """The view on one app after a verdict."""
    wanted = None
    gateway_known = observed.platform.gateway_address is not None
    if verdict.mode is Mode.RUN and verdict.grant and verdict.revision and gateway_known:
        wanted = pod(observed, verdict.grant, verdict.revision)
    return View(observed, verdict, pod_standing(observed, wanted, verdict.at))
