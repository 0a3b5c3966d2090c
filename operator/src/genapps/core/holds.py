# SPDX-License-Identifier: Apache-2.0
"""Which AppHolds match which app. The operator, its wakeups and `genapps hold --dry-run` ask the same function."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from genapps.api.apphold import AppHold, HoldSelector
from genapps.api.connector import Connector
from genapps.api.envelope import RiskClass
from genapps.api.generatedapp import GeneratedApp
from genapps.core.observed import Observed, Unreadable
from genapps.core.risk import effective_risk


@dataclass(frozen=True, slots=True)
class Candidate:
    """What selectors look at in one app."""

    namespace: str
    owner: str
    risk: RiskClass
    """The effective one."""
    family: str | None
    connectors: Collection[str]
    code_digests: Collection[str]
    """Of the code that runs, and of the code in the source."""


def candidate(app: GeneratedApp, catalogue: Mapping[str, Connector], code_digests: Collection[str]) -> Candidate:
    """An app as selectors see it; `catalogue` holds all Connectors by name."""
    envelope = app.spec.envelope
    return Candidate(
        namespace=app.metadata.namespace,
        owner=envelope.owner.team,
        risk=effective_risk(envelope.risk_class, envelope.connectors, catalogue),
        family=envelope.family,
        connectors=envelope.connectors,
        code_digests=code_digests,
    )


def selects(selector: HoldSelector, app: Candidate, *, any_code: bool = False) -> bool:
    """Whether all given fields fit; with `any_code` that of the code fits whatever the code is."""
    if selector.all:
        return True
    fits = [
        selector.owner in (None, app.owner),
        selector.risk_class in (None, app.risk),
        selector.family in (None, app.family),
        selector.connector is None or selector.connector in app.connectors,
        selector.code_digest is None or any_code or selector.code_digest in app.code_digests,
        selector.namespaces is None or app.namespace in selector.namespaces,
    ]
    return all(fits)


def in_force(hold: AppHold, now: datetime) -> bool:
    """Whether its time is not over."""
    return hold.spec.until is None or now < hold.spec.until


def holding(observed: Observed, code_digests: Collection[str], now: datetime) -> tuple[str, ...]:
    """The names of the holds in force that match the app, sorted.

    One that cannot be read matches what it has stopped already: nobody knows whether it would still.
    """
    if not observed.holds:
        return ()
    seen, suspension = _seen(observed, code_digests), observed.record.suspension if observed.record else None
    stopped_by = suspension.hold if suspension else None
    return tuple(
        name
        for name, hold in sorted(observed.holds.items())
        if (
            name == stopped_by
            if isinstance(hold, Unreadable)
            else seen is not None and in_force(hold, now) and selects(hold.spec.selector, seen)
        )
    )


def _seen(observed: Observed, code_digests: Collection[str]) -> Candidate | None:
    """An app that cannot be read is what its record says; None for one that was never judged."""
    if not isinstance(observed.app, Unreadable):
        return candidate(observed.app, observed.connectors, code_digests)
    record = observed.record
    if record is None:
        return None
    return Candidate(
        namespace=observed.key.namespace,
        owner=record.owner.team,
        risk=record.effective_risk or RiskClass.LOW,
        family=None,
        connectors=record.envelope.connectors,
        code_digests=code_digests,
    )
