# SPDX-License-Identifier: Apache-2.0
"""The tenants of the app: each has a facet of its own, and its actions take turns with each other only."""

from collections.abc import Callable

from genapps_runtime.serve.action import Action
from genapps_runtime.serve.commits import Commits, Group, Storing, Verdict
from genapps_runtime.serve.open_chain import Runner
from genapps_runtime.serve.serial import Serial
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.facets import Facets


class Tenant:
    """What the actions of one tenant share."""

    __slots__ = ("commits", "facet", "serial")

    def __init__(self, facet: Facet, storing: Storing, runner: Runner) -> None:
        self.facet = facet
        self.commits = Commits(facet, storing)
        self.serial = Serial(facet, self.commits, runner)


class Tenants:
    """The tenants whose facets are open.

    `runner` runs their actions. `stored` is told of each group of actions whose commit is done, see `Storing`.
    """

    def __init__(self, facets: Facets, runner: Runner, stored: Callable[[Group, list[Verdict]], None]) -> None:
        self._runner = runner
        self._storing = Storing(stored)
        self._known: dict[str, Tenant] = {}
        facets.on_closed = self._forget

    def add(self, facet: Facet) -> None:
        """The tenant of this facet has a request."""
        if facet.tenant not in self._known:
            self._known[facet.tenant] = Tenant(facet, self._storing, self._runner)

    def _forget(self, name: str) -> None:
        self._known.pop(name, None)  # a facet may have been opened for a request that never began

    def __len__(self) -> int:
        return len(self._known)

    def of(self, action: Action) -> Tenant:
        """The tenant of an action."""
        return self._known[action.facet.tenant]

    @property
    def outside(self) -> int:
        """How many actions wait for their commit, or for their turn before they begin."""
        actions = self._storing.actions
        for tenant in self._known.values():
            actions += tenant.serial.waiting
        return actions

    @property
    def busy(self) -> bool:
        """Whether an action has its tenant's state for itself, or waits for it."""
        return any(tenant.serial.busy for tenant in self._known.values())

    def freed(self, name: str) -> None:
        """A load has held the tenant's facet, and lets go of it."""
        if name in self._known:
            self._known[name].serial.freed()
