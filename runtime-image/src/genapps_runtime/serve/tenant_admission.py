# SPDX-License-Identifier: Apache-2.0
"""Requests of an app with tenants, before they wait for their turn: whose they are, and that one's facet."""

from collections.abc import Callable
from functools import partial

from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.messages import Exchange
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.facets import Facets, FacetsBusyError, TooManyTenantsError, UnknownTenantError
from genapps_runtime.tenancy.tenants import TenantsOfRequests

MOST_OPENING = 256
"""Requests that wait for a facet to be opened."""


class TenantAdmission:
    """Finds tenants by `tenants` and opens their facets."""

    def __init__(self, tenants: TenantsOfRequests, facets: Facets) -> None:
        self._tenants = tenants
        self._facets = facets
        self.chosen_by = tenants.chosen_by
        """The header of a request that its answer depends on."""
        self.opening = 0
        """How many requests wait for a facet to be opened."""

    def admit(
        self,
        exchange: Exchange,
        admitted: Callable[[Exchange, Facet], None],
        refused: Callable[[Exchange, ProblemError], None],
    ) -> None:
        """Call `admitted` with the facet of the request's tenant, or `refused`; now, or later on the loop.

        What carries proof or tenant is not in the request any more after this.
        """
        request = exchange.request
        try:
            tenant, request.headers = self._tenants.take(request.headers)
        except ProblemError as problem:
            refused(exchange, problem)
        else:
            self._open(exchange, tenant, admitted, refused, called=True)

    def admit_known(
        self,
        exchange: Exchange,
        tenant: str,
        admitted: Callable[[Exchange, Facet], None],
        refused: Callable[[Exchange, ProblemError], None],
    ) -> None:
        """The same for what the platform asks on behalf of a tenant, who has a facet: else TenantGone."""
        self._open(exchange, tenant, admitted, refused, called=False)

    def _open(
        self,
        exchange: Exchange,
        tenant: str,
        admitted: Callable[[Exchange, Facet], None],
        refused: Callable[[Exchange, ProblemError], None],
        *,
        called: bool,
    ) -> None:
        facet = self._facets.find(tenant, called=called)
        if facet is not None:
            admitted(exchange, facet)
        elif self.opening >= MOST_OPENING:
            refused(exchange, ProblemError("Busy"))
        else:
            self.opening += 1
            self._facets.open(tenant, partial(self._opened, exchange, admitted, refused), called=called)

    def _opened(
        self,
        exchange: Exchange,
        admitted: Callable[[Exchange, Facet], None],
        refused: Callable[[Exchange, ProblemError], None],
        found: Facet | Exception,
    ) -> None:
        self.opening -= 1
        if exchange.gone:
            refused(exchange, ProblemError("CallerGone"))
        elif isinstance(found, Facet):
            admitted(exchange, found)
        elif isinstance(found, TooManyTenantsError):
            refused(exchange, ProblemError("TooManyTenants"))
        elif isinstance(found, UnknownTenantError):
            refused(exchange, ProblemError("TenantGone"))
        elif isinstance(found, FacetsBusyError):
            refused(exchange, ProblemError("Busy", str(found) or "requests of too many tenants are under way"))
        else:
            refused(exchange, ProblemError("StateUnavailable", str(found)))
