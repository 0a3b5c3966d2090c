# SPDX-License-Identifier: Apache-2.0
"""No sequence of requests, cancellations, deletions, stops and kills runs an entry for another tenant, or shows it."""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from genapps_runtime.serve.messages import Reply
from tests.unit.runtime.background_world import World, config, finish

TENANTS = ("a", "A", "a ", "b")
tenants = strategies.sampled_from(TENANTS)
numbers = strategies.integers(0, 30)
ENDS = (("ok", 200, True), ("Busy", 503, True), ("Busy", 503, False), ("StateUnavailable", 503, False),
        ("TenantGone", 410, False), ("AppFailed", 500, True))  # fmt: skip


class Apart(RuleBasedStateMachine):
    """`accepted` has the locations of each tenant's entries. An entry's body, and its answer, is its tenant."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp())
        self.accepted: dict[str, list[str]] = {tenant: [] for tenant in TENANTS}
        self.world = self.do(self._opened())

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _opened(self) -> World:
        return await World(self.directory, config(limits={"instances": 3}), apart=True).begin()

    async def _settled(self) -> None:
        """What has been asked of the file so far is done, and what follows from it has begun."""
        for _ in range(3):
            await self.world.queue.entries_of("")

    async def _answered(self, code: str, status: int, tried: bool) -> None:
        await self._settled()
        if self.world.running:
            exchange = self.world.running.pop(0)
            finish(exchange, code, Reply(status, [], exchange.request.body), tried=tried)

    async def _rested(self) -> None:
        self.world.rested(*TENANTS)
        await self._settled()

    @rule(tenant=tenants)
    def ask(self, tenant: str) -> None:
        self.accepted[tenant].append(self.do(self.world.accept(body=tenant.encode(), tenant=tenant)))

    @rule(end=strategies.sampled_from(ENDS))
    def answer(self, end: tuple[str, int, bool]) -> None:
        self.do(self._answered(*end))

    @rule()
    def rest_is_over(self) -> None:
        self.do(self._rested())

    @rule(tenant=tenants, number=numbers)
    def cancel(self, tenant: str, number: int) -> None:
        if self.accepted[tenant]:
            location = self.accepted[tenant][number % len(self.accepted[tenant])]
            assert self.do(self.world.ask("DELETE", location, tenant=tenant)).status in (200, 202, 204, 404)

    @rule(tenant=tenants)
    def delete(self, tenant: str) -> None:
        self.do(self.world.queue.drop(tenant))
        for location in self.accepted[tenant]:
            assert self.do(self.world.ask("GET", location, tenant=tenant)).status == 404
        self.accepted[tenant] = []

    @rule()
    def stop(self) -> None:
        self.do(self.world.close())
        self.world = self.do(self._opened())

    @rule()
    def kill(self) -> None:
        self.do(self._settled())
        self.world.queue.admit(admitted=False)
        self.world = self.do(self._opened())

    @invariant()
    def each_ran_for_its_own_tenant(self) -> None:
        for tenant, exchange in self.world.ran:
            assert exchange.request.body == tenant.encode()

    @invariant()
    def each_takes_what_its_own_entries_take(self) -> None:
        assert set(self.world.taken) == self.world.queue.tenants
        assert all(size > 0 for size in self.world.taken.values())

    @rule(tenant=tenants, other=tenants, number=numbers)
    def look(self, tenant: str, other: str, number: int) -> None:
        if not self.accepted[tenant]:
            return
        location = self.accepted[tenant][number % len(self.accepted[tenant])]
        for path in (location, f"{location}/result"):
            reply = self.do(self.world.ask("GET", path, tenant=other))
            if other != tenant:
                assert json.loads(bytes(reply.body))["code"] == "EntryNotFound"
            elif reply.status == 200 and path != location:
                assert bytes(reply.body) == tenant.encode()

    def teardown(self) -> None:
        self.do(self.world.close())
        self.loop.close()
        shutil.rmtree(self.directory)


def test_no_entry_ever_runs_for_another_tenant() -> None:
    run_state_machine_as_test(Apart, settings=settings(max_examples=15, stateful_step_count=25))
