# SPDX-License-Identifier: Apache-2.0
"""A tick of an app with tenants: the request is made for each of them, one after the other.

They come in the order of the names of their files, so the mark of a tick that goes on needs two of them, however many
tenants there are: the last one who is over, and the one who has begun. Who becomes a tenant meanwhile may be among
them, and nobody is twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from genapps_runtime.config import ScheduleRule
from genapps_runtime.serve.messages import Exchange
from genapps_runtime.serve.own_requests import OF_TENANT
from genapps_runtime.serve.schedules.marks import Mark, MarkFile
from genapps_runtime.serve.schedules.tick import ask, say
from genapps_runtime.state.tenant_names import Known

ATTEMPTS = 3
PAUSE_SECONDS = 5.0
"""How long to wait after a request could not begin."""
AT_ONCE = 1000
"""How many tenants are looked up together."""


class EachTenant:
    """`known` lists tenants, `run` runs a request as one tenant's; the others are as for `Scheduler`."""

    def __init__(
        self,
        known: Callable[[str, int], Awaitable[list[Known]]],
        run: Callable[[str, Exchange], None],
        file: MarkFile,
        kept_seconds: float,
        now: Callable[[], float],
    ) -> None:
        self._known = known
        self._run = run
        self._file = file
        self._kept_seconds = kept_seconds
        self._now = now
        self._stopped = False

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True

    async def handle(self, rule: ScheduleRule, mark: Mark, due: float) -> bool:
        """Make a tick's requests, from where an earlier process has stopped; whether the tick is over.

        What it notes in the mark is durable before a request begins, and not always after the last one. Raises OSError.
        """
        if mark.begun != due:
            mark.begun, mark.since, mark.attempts, mark.over, mark.tenant = due, self._now(), 0, "", ""
        failed = 0
        while tenants := await self._known(mark.over, AT_ONCE):
            for stem, tenant in tenants:
                if self._is_late(mark):
                    say("schedule failed", rule.name, due, why="it took too long for all tenants")
                    return True
                begun = await self._one(rule, mark, due, stem, tenant) if tenant is not None else True
                if begun is None:
                    return False
                failed += not begun
                mark.over, mark.tenant, mark.attempts = stem, "", 0
        if failed:
            say("schedule failed", rule.name, due, tenants=failed)
        return True

    async def _one(self, rule: ScheduleRule, mark: Mark, due: float, stem: str, tenant: str) -> bool | None:
        """Whether the request was made, or is none any more; None when the process ends."""
        while not self._stopped:
            lost = mark.attempts if mark.tenant == stem else 0
            if lost >= ATTEMPTS or self._is_late(mark):
                return False
            before = mark.tenant, mark.attempts
            mark.tenant, mark.attempts = stem, lost + 1
            try:
                await asyncio.to_thread(self._file.store)
            except OSError:
                mark.tenant, mark.attempts = before
                raise
            exchange, _ = await ask(partial(self._run, tenant), rule, due)
            if exchange.tried or exchange.code == "TenantGone":
                return True
            if exchange.code not in OF_TENANT:  # nobody could begin: it is no attempt
                mark.attempts = lost
            await asyncio.sleep(PAUSE_SECONDS)
        return None

    def _is_late(self, mark: Mark) -> bool:
        """Whether what the tick has begun first may be forgotten: the bound of how long it may take."""
        return self._now() - mark.since >= self._kept_seconds
