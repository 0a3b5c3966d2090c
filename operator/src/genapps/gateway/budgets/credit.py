# SPDX-License-Identifier: Apache-2.0
"""Credit: the CPU that a runtime may use before it must ask again. It is paid when it is granted, so a runtime that
ends, lies or says nothing more has used no more than was paid.

Heartbeats ask for it. Answers of calls say nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from genapps.api import quantities
from genapps.api.ledger import Activity
from genapps.cluster import clocks
from genapps.core.budgets.amounts import Amounts
from genapps.core.budgets.cost import cpu_cost
from genapps.core.budgets.cpu_reports import CpuReport, CpuVerdict, judged
from genapps.gateway.budgets.envelope import Envelope
from genapps.gateway.budgets.payments import Payments, of_budget
from genapps.gateway.budgets.spending import Credit, SpendingUnavailableError
from genapps.gateway.callers.records import App
from genapps.gateway.messages import CpuUse, Heartbeat

CREDIT_SECONDS = 30
"""How long a credit counts from its arrival."""
NONE_NOW = {"cpuMillis": 0, "seconds": CREDIT_SECONDS, "exhausted": None}
"""Nobody pays, nobody knows, or the app is suspended: no credit, and no limit that was met."""

_log = structlog.get_logger(__name__)


class Credits:
    """Grants by `payments`; `clock` is monotonic seconds."""

    def __init__(self, payments: Payments, clock: Callable[[], float] = clocks.monotonic) -> None:
        self._payments = payments
        self._clock = clock
        self._reports: dict[str, CpuReport] = {}
        """The last one of each app, by child name."""

    def forget(self, child: str) -> None:
        """The operator purged an app's record."""
        self._reports.pop(child, None)

    async def of_heartbeat(self, app: App, beat: Heartbeat) -> dict[str, Any] | None:
        """What a heartbeat is answered with; what it says of CPU and actions is noted first."""
        envelope = self._payments.spending.envelope(app)
        if envelope is not None:
            if beat.cpu is not None:
                self._heard(app, envelope, beat.cpu)
            if beat.activity is not None:
                self._payments.spending.note(app, envelope, Activity(**beat.activity.model_dump()))
        return await self._told(app, envelope, 0 if beat.cpu is None else _needed(app, beat.cpu))

    async def _told(self, app: App, envelope: Envelope | None, wanted: int) -> dict[str, Any] | None:
        if envelope is None:
            return NONE_NOW
        try:
            credit = await self._payments.spending.credit(app, envelope, wanted)
        except SpendingUnavailableError:
            return NONE_NOW
        return None if credit is None else self._written(credit)

    def _written(self, credit: Credit) -> dict[str, Any]:
        exhausted = None
        if credit.over is not None:
            exhausted = of_budget(credit.over)._asdict() | {"retryAfter": self._payments.seconds_left(credit.over)}
        return {"cpuMillis": credit.cpu_millis, "seconds": CREDIT_SECONDS, "exhausted": exhausted}

    def _heard(self, app: App, envelope: Envelope, cpu: CpuUse) -> None:
        """What the runtime says of the CPU that it used."""
        report = CpuReport(cpu.boot, cpu.used, self._clock())
        limit = quantities.millicores(app.record.tier.cpu)
        verdict, millis = judged(self._reports.get(app.child), report, limit)
        self._reports[app.child] = report
        self._payments.metrics.cpu_reports.labels(verdict).inc()
        if verdict in (CpuVerdict.FIRST, CpuVerdict.PLAUSIBLE):
            return
        micros = cpu_cost(millis, envelope.cpu_micros_per_hour)
        self._payments.spending.charge(app, envelope, Amounts(cpu_millis=millis, cost_micros=micros))
        _log.warning(
            "cpu_report_implausible",
            app=app.record.app.name,
            namespace=app.record.app.namespace,
            verdict=verdict,
            charged_millis=millis,
        )


def _needed(app: App, cpu: CpuUse) -> int:
    """What the app may ask for at once: what all its actions together may use, however much it says."""
    tier = app.record.tier
    return min(cpu.wanted, tier.cpu_millis_per_action * tier.concurrency)
