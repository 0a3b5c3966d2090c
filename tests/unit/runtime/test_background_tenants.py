# SPDX-License-Identifier: Apache-2.0
"""The queue of an app with tenants: what each sees and may take, and in which order they are served."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.serve.background.entries import ATTEMPTS, request_bytes
from genapps_runtime.serve.background.pages import PREFIX
from genapps_runtime.serve.background.stock import KEPT, QUEUED, SHARE
from genapps_runtime.serve.messages import Reply, Request
from tests.runtime.harness import until
from tests.unit.runtime.background_world import BYTES, DONE, World, config, finish

FEW = {"limits": {"instances": 2}}
OWN_BYTES = BYTES // SHARE


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World(tmp_path, config(**FEW), apart=True).begin()
    yield world
    await world.close()


@pytest.fixture
async def waiting(tmp_path: Path) -> AsyncIterator[World]:
    """A world in which nothing begins."""
    world = await World(tmp_path, config(**FEW), apart=True).begin(admit=False)
    yield world
    await world.close()


async def test_an_entry_runs_for_the_tenant_who_has_asked(world: World) -> None:
    for tenant in ("a", "b", "a"):
        location = await world.accept(tenant=tenant)
        finish(await world.begun())
        assert await world.state(location, tenant) == ("Succeeded", 1, "")
    assert [tenant for tenant, _ in world.ran] == ["a", "b", "a"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "POST"])
@pytest.mark.parametrize("rest", ["", "/result", "/other"])
async def test_another_tenant_is_told_what_is_told_of_an_id_that_nobody_has(
    world: World, method: str, rest: str
) -> None:
    ended = await world.accept(tenant="a")
    finish(await world.begun())
    running, queued = await world.accept(tenant="a"), await world.accept(tenant="a")
    await world.begun()
    nobodys = await world.ask(method, f"{PREFIX}{'0' * 32}{rest}", tenant="b")
    assert nobodys.status == 404
    for location in (ended, running, queued):
        assert await world.ask(method, location + rest, tenant="b") == nobodys
    states = [(await world.state(location, "a"))[0] for location in (ended, running, queued)]
    assert states == ["Succeeded", "Running", "Queued"]


async def test_one_more_than_a_tenant_may_have_waiting_is_refused_and_others_go_on(waiting: World) -> None:
    for _ in range(QUEUED // SHARE):
        await waiting.accept(tenant="flood")
    assert await waiting.refused("flood") == "QueueFull"
    await waiting.accept(tenant="other")


async def test_one_more_than_all_may_have_waiting_is_refused(waiting: World) -> None:
    tenants = [str(number) for number in range(SHARE)] * (QUEUED // SHARE)
    await asyncio.gather(*(waiting.accept(tenant=tenant) for tenant in tenants))
    assert await waiting.refused("other") == "QueueFull"


async def test_one_byte_more_than_a_tenant_may_have_is_refused_and_others_go_on(waiting: World) -> None:
    size = OWN_BYTES - request_bytes(Request("", "POST", "/work", "a=1", [], b""))
    assert await waiting.refused("flood", bytes(size + 1)) == "StateFull"
    await waiting.accept(body=bytes(size), tenant="flood")
    assert waiting.taken == {"flood": OWN_BYTES}
    assert await waiting.refused("flood") == "StateFull"
    await waiting.accept(tenant="other")


async def test_what_waits_counts_in_the_quota_of_its_tenant(waiting: World) -> None:
    size = request_bytes(Request("", "POST", "/work", "a=1", [], b"x" * 100))
    waiting.left = size - 1
    assert await waiting.refused("a", b"x" * 100) == "StateFull"
    waiting.left = size
    location = await waiting.accept(body=b"x" * 100, tenant="a")
    assert waiting.taken == {"a": size}
    assert await waiting.refused("a") == "StateFull"
    assert (await waiting.ask("DELETE", location, tenant="a")).status == 200
    await waiting.accept(body=b"y" * 100, tenant="a")
    assert waiting.taken == {"a": size}, "the cancelled one has given way"


async def test_a_result_that_has_no_room_in_the_quota_is_not_kept(world: World) -> None:
    location = await world.accept(tenant="a")
    world.left = world.taken["a"]
    finish(await world.begun())
    assert await world.state(location, "a") == ("Succeeded", 1, "ResultNotKept")


async def test_a_tenants_results_give_way_to_that_tenants_own(tmp_path: Path) -> None:
    world = await World(tmp_path, config(**FEW), apart=True, most=2 * BYTES).begin()
    others = await world.accept(tenant="other")
    finish(await world.begun())
    locations = []
    for _ in range(KEPT // SHARE + 1):
        locations.append(await world.accept(tenant="flood"))
        finish(await world.begun())
    assert (await world.status(locations[0], "flood"))["code"] == "EntryNotFound"
    assert [(await world.state(location, "flood"))[0] for location in locations[1:]] == ["Succeeded"] * (KEPT // SHARE)
    assert await world.state(others, "other") == ("Succeeded", 1, "")
    await world.close()


async def test_where_all_have_no_room_who_takes_most_gives_way(world: World) -> None:
    quarter = Reply(200, [], bytes(OWN_BYTES - 2048))
    small = await world.accept(tenant="small")
    finish(await world.begun())
    large = {}
    for number in range(SHARE):
        large[f"large-{number}"] = await world.accept(tenant=f"large-{number}")
        finish(await world.begun(), reply=quarter)
    found = [(await world.state(location, tenant))[0] for tenant, location in large.items()]
    assert found.count("Succeeded") == SHARE
    await world.accept(body=bytes(OWN_BYTES // 2), tenant="new")
    found = [(await world.state(location, tenant))[0] for tenant, location in large.items()]
    assert found.count("") == 1
    assert await world.state(small, "small") == ("Succeeded", 1, "")


async def test_tenants_take_turns_however_much_one_of_them_asks_for(world: World) -> None:
    for _ in range(10):
        await world.accept(tenant="flood")
    for tenant in ("b", "c", "b"):
        await world.accept(tenant=tenant)
    for _ in range(6):
        finish(await world.begun())
    assert [tenant for tenant, _ in world.ran[:6]] == ["flood", "flood", "b", "c", "flood", "b"]


async def test_one_entry_of_a_tenant_runs_at_a_time_and_an_instance_is_left_to_callers(tmp_path: Path) -> None:
    world = await World(tmp_path, config(limits={"instances": 3}), apart=True).begin()
    for tenant in ("a", "a", "b", "c"):
        await world.accept(tenant=tenant)
    await until(lambda: len(world.ran) == 2)
    await asyncio.gather(*(world.ask("GET", PREFIX, tenant="c") for _ in range(3)))
    assert [tenant for tenant, _ in world.ran] == ["a", "b"]
    finish(world.running.pop(1))
    await until(lambda: len(world.ran) == 3)
    assert world.ran[2][0] == "c", "the other one of a waits for the first"
    await world.close()


async def test_a_tenant_whose_state_cannot_be_opened_holds_up_nobody_else(world: World) -> None:
    broken = await world.accept(tenant="broken")
    others = await world.accept(tenant="other")
    for attempt in range(1, ATTEMPTS + 1):
        finish(await world.begun(), "StateUnavailable", Reply(503, [], b""), tried=False)
        if attempt == 1:
            finish(await world.begun())
            assert await world.state(others, "other") == ("Succeeded", 1, "")
        if attempt < ATTEMPTS:
            assert await world.state(broken, "broken") == ("Queued", attempt, "")
            world.rested("broken")
    assert await world.state(broken, "broken") == ("Failed", ATTEMPTS, "StateUnavailable")


@pytest.mark.parametrize(
    ("code", "tried", "attempts"),
    [
        ("KeysFull", False, 0),
        ("RequestRunning", False, 0),
        ("BreakerOpen", False, 0),
        ("Busy", True, 1),
        ("AppRestarted", True, 1),
    ],
)
async def test_a_tenant_who_is_in_the_own_way_holds_up_nobody_else(
    world: World, code: str, tried: bool, attempts: int
) -> None:
    location = await world.accept(tenant="a")
    await world.accept(tenant="b")
    finish(await world.begun(), code, Reply(503, [], b""), tried=tried)
    await world.begun()
    assert world.ran[-1][0] == "b"
    assert await world.state(location, "a") == ("Queued", attempts, "")


async def test_what_keeps_the_app_from_serving_anybody_lets_all_wait(world: World) -> None:
    for tenant in ("a", "b"):
        await world.accept(tenant=tenant)
    finish(await world.begun(), "Busy", Reply(503, [], b""), tried=False)
    await world.queue.entries_of("")
    assert world.running == []
    world.rested()
    await world.begun()


async def test_an_entry_of_a_tenant_who_is_gone_never_runs(world: World) -> None:
    location = await world.accept(tenant="a")
    finish(await world.begun(), "TenantGone", Reply(410, [], b""), tried=False)
    assert await world.state(location, "a") == ("Failed", 1, "TenantGone")


async def test_a_body_that_is_not_allowed_any_more_is_refused_when_it_would_run(tmp_path: Path) -> None:
    world = await World(tmp_path, config(**FEW), apart=True).begin(admit=False)
    locations = [await world.accept(body=bytes(size), tenant="a") for size in (100, 101)]
    await world.close()
    world = await World(tmp_path, config(limits={"instances": 2, "requestBodyBytes": 100}), apart=True).begin()
    finish(await world.begun())
    await until(lambda: not world.queue.busy)
    assert [await world.state(one, "a") for one in locations] == [
        ("Succeeded", 1, ""),
        ("Failed", 1, "RequestTooLarge"),
    ]
    await world.close()


async def test_a_restart_keeps_whose_each_entry_is_and_what_each_takes(waiting: World, tmp_path: Path) -> None:
    names = ["a", "A", "a\u0301", "\u00e1", "a/b", "x" * 256]
    for name in names:
        await waiting.accept(body=name.encode(), tenant=name)
    after = await World(tmp_path, config(limits={"instances": 9}), apart=True).begin()
    assert after.taken == waiting.taken
    await until(lambda: len(after.ran) == len(names))
    assert [(tenant, exchange.request.body) for tenant, exchange in after.ran] == [(one, one.encode()) for one in names]
    await after.close()


async def test_what_has_ended_counts_the_same_after_a_restart(world: World, tmp_path: Path) -> None:
    await world.accept(body=b"input", headers=[(b"accept", b"text/html")], tenant="a")
    finish(await world.begun())
    await until(lambda: not world.queue.busy)
    await world.queue.entries_of("a")
    after = await World(tmp_path, config(**FEW), apart=True).begin()
    assert after.taken == world.taken
    await after.close()


async def test_what_is_dropped_of_a_tenant_is_gone_and_stays_so(world: World, tmp_path: Path) -> None:
    ended = await world.accept(tenant="gone")
    finish(await world.begun())
    running, queued = await world.accept(tenant="gone"), await world.accept(tenant="gone")
    exchange = await world.begun()
    left: list[bool] = []
    exchange.on_gone = lambda: left.append(True)
    others = await world.accept(tenant="other")
    await world.queue.drop("nobody")
    being_stored = asyncio.create_task(world.ask("POST", "/work", tenant="gone"))
    await asyncio.sleep(0)
    await world.queue.drop("gone")
    assert left == [True]
    assert (await being_stored).status == 404
    finish(exchange)  # it had ended before it was told
    for location in (ended, running, queued):
        assert (await world.status(location, "gone"))["code"] == "EntryNotFound"
    assert set(world.taken) == world.queue.tenants == {"other"}
    finish(await world.begun())
    assert await world.state(others, "other") == ("Succeeded", 1, "")
    assert await world.queue.entries_of("gone") == []
    after = await World(tmp_path, config(**FEW), apart=True).begin()
    assert after.queue.tenants == {"other"}
    assert not after.queue.busy
    await after.close()


async def test_a_stop_does_not_wait_for_what_was_dropped(world: World) -> None:
    await world.accept(tenant="gone")
    await world.begun()
    draining = asyncio.create_task(world.queue.drain(60))
    await asyncio.sleep(0)
    await world.queue.drop("gone")
    await draining


async def test_all_that_is_stored_of_a_tenant_is_told_and_nothing_of_others(world: World) -> None:
    await world.accept("/first", body=b"of a", tenant="a")
    finish(await world.begun())
    await world.accept("/of-b", body=b"of b", tenant="b")
    await world.accept("/second", body=b"more of a", headers=[(b"accept", b"text/html")], tenant="a")
    first, second = await world.queue.entries_of("a")
    assert (first.entry.state, first.request.path, first.request.body, first.reply) == (
        "Succeeded",
        "/first",
        b"",
        DONE,
    )
    assert (second.entry.tenant, second.request.path, second.request.body) == ("a", "/second", b"more of a")
    assert (second.request.headers, second.reply) == ([(b"accept", b"text/html")], None)
