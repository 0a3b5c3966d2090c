# SPDX-License-Identifier: Apache-2.0
"""No sequence of requests, failures and closed facets lets a tenant read or change what another one has.

The real engine and real files, without sockets. The model is a dictionary for each tenant.
"""

import asyncio
import json
import os
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from genapps_runtime.guest.engine import Language
from genapps_runtime.serve.fallback.breaker import MINIMUM
from genapps_runtime.serve.messages import Reply
from tests.runtime.tenants_world import World

SOURCE = """
import sqlite3
from genapps import app, state

connection = sqlite3.connect("app.db")
connection.execute("CREATE TABLE IF NOT EXISTS words (key TEXT PRIMARY KEY, word TEXT)")
connection.commit()
callers = set()  # what an instance remembers

@app.get("/{key}")
async def read(request, key):
    callers.add(request.headers["who"])
    rows = await state.sql("SELECT word FROM words WHERE key = ?", key)
    return [await state.get(key), [row[0] for row in rows], sorted(callers), await state.list("")]

@app.put("/{key}")
async def write(request, key):
    callers.add(request.headers["who"])
    await state.put(key, request.headers["word"])

@app.put("/sql/{key}")
async def write_sql(request, key):
    callers.add(request.headers["who"])
    await state.sql("INSERT OR REPLACE INTO words VALUES (?, ?)", key, request.headers["word"])

@app.delete("/{key}")
async def fail(request, key):
    callers.add(request.headers["who"])
    await state.put(key, "never")
    await state.sql("INSERT OR REPLACE INTO words VALUES (?, 'never')", key)
    raise RuntimeError("no")

@app.post("/{key}")
async def burst(request, key):
    await state.put(key, "never")
    return "x" * (64 * 1024 * 1024)  # more than the instance has
"""
TENANTS = st.sampled_from(["a", "A", "a.", "b"])
KEYS = st.sampled_from(["k", "k2"])


class Apart(RuleBasedStateMachine):
    """`keys` and `words` are what each tenant has stored, by the tenant and the key."""

    language: Language

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = self.loop.run_until_complete(self._made())
        self.keys: dict[str, dict[str, str]] = {}
        self.words: dict[str, dict[str, str]] = {}
        self.number = 0

    async def _made(self) -> World:
        return World(self.language, SOURCE)

    def ask(self, *asked: tuple[str, str, str, str]) -> list[Reply]:
        """Several requests at once."""

        async def all_of_them() -> list[Reply]:
            return await asyncio.gather(*(self.world.ask(*one) for one in asked))

        return self.loop.run_until_complete(all_of_them())

    def word(self) -> str:
        self.number += 1
        return f"word-{self.number}"

    @rule(first=TENANTS, second=TENANTS, third=TENANTS, key=KEYS)
    def write_at_once(self, first: str, second: str, third: str, key: str) -> None:
        words = {tenant: self.word() for tenant in (first, second, third)}
        replies = self.ask(*(("PUT", f"/{key}", tenant, word) for tenant, word in words.items()))
        assert {reply.status for reply in replies} == {200}
        for tenant, word in words.items():
            self.keys.setdefault(tenant, {})[key] = word

    @rule(tenant=TENANTS, other=TENANTS, key=KEYS)
    def write_by_sql(self, tenant: str, other: str, key: str) -> None:
        word = self.word()
        reply, read = self.ask(("PUT", f"/sql/{key}", tenant, word), ("GET", f"/{key}", other, ""))
        assert (reply.status, read.status) == (200, 200)
        self.words.setdefault(tenant, {})[key] = word

    @rule(tenant=TENANTS, key=KEYS)
    def fail(self, tenant: str, key: str) -> None:
        (reply,) = self.ask(("DELETE", f"/{key}", tenant, ""))
        assert reply.status == 500

    @rule(tenant=TENANTS, other=TENANTS, key=KEYS)
    def burst(self, tenant: str, other: str, key: str) -> None:
        reply, _ = self.ask(("POST", f"/{key}", tenant, ""), ("GET", f"/{key}", other, ""))
        assert reply.status >= 500

    @rule(tenant=TENANTS, key=KEYS)
    def read(self, tenant: str, key: str) -> None:
        self.read_what_was_written(tenant, key)

    def read_what_was_written(self, tenant: str, key: str) -> None:
        (reply,) = self.ask(("GET", f"/{key}", tenant, ""))
        assert reply.status == 200, reply.body
        value, rows, callers, listed = json.loads(reply.body)
        keys, words = self.keys.get(tenant, {}), self.words.get(tenant, {})
        assert value == keys.get(key)
        assert rows == ([words[key]] if key in words else [])
        assert callers == [tenant], "an instance has served another tenant"
        assert dict(listed) == keys

    @invariant()
    def bounded(self) -> None:
        assert len(self.world.facets._open) <= 3
        assert len(self.world.live()) <= 2

    def teardown(self) -> None:
        try:
            for tenant in sorted({*self.keys, *self.words}):
                for key in ("k", "k2"):
                    self.read_what_was_written(tenant, key)
        finally:
            self.loop.run_until_complete(self.world.close())
            self.loop.close()


def test_no_sequence_of_requests_touches_what_another_tenant_has(engine: Path) -> None:
    Apart.language = Language(str(engine))
    # Found sequences are not made shorter: each step loads the app for another tenant, which takes a while.
    short = settings(max_examples=4, stateful_step_count=8, phases=(Phase.explicit, Phase.generate))
    run_state_machine_as_test(Apart, settings=short)


async def test_an_instance_remembers_nothing_of_a_tenant_who_was_deleted(engine: Path) -> None:
    world = World(Language(str(engine)), SOURCE, seconds=3600)
    await world.ask("PUT", "/k", "gone", "a word")
    await world.ask("PUT", "/k", "here", "a word")
    assert world.live() == ["gone", "here"]
    assert await world.facets.forget_idle() == 0
    await world.ask("GET", "/k", "here")
    make_old(world.directory / "facets")
    assert await world.forgotten() == 1
    assert world.live() == ["here"]
    value, _, callers, _ = json.loads((await world.ask("GET", "/k", "gone")).body)
    assert (value, callers) == (None, ["gone"])
    await world.close()


async def test_a_request_whose_caller_leaves_while_a_facet_is_opened_never_begins(engine: Path) -> None:
    world = World(Language(str(engine)), SOURCE)
    left = await world.ask("PUT", "/k", "a", "a word", leaves=True)
    assert json.loads(left.body)["code"] == "CallerGone"
    assert world.live() == ["default"]
    for tenant in ("b", "c", "d"):  # for the last ones its facet is closed
        assert (await world.ask("GET", "/k", tenant)).status == 200
    value, *_ = json.loads((await world.ask("GET", "/k", "a")).body)
    assert value is None
    await world.close()


def make_old(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (0, 0))


async def test_a_tenant_whose_requests_keep_failing_is_refused_and_nobody_else(engine: Path) -> None:
    world = World(Language(str(engine)), SOURCE)
    for _ in range(MINIMUM):
        assert (await world.ask("DELETE", "/k", "bad")).status == 500
    refused = await world.ask("PUT", "/k", "bad", "a word")
    assert (refused.status, json.loads(refused.body)["code"]) == (503, "BreakerOpen")
    assert (await world.ask("PUT", "/k", "good", "a word")).status == 200
    await world.close()
