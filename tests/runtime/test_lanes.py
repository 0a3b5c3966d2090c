# SPDX-License-Identifier: Apache-2.0
"""An app with several instances: what computes holds nobody up, and is held to everything that other requests are."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.lanes_world import SOURCE, Asked, LanesWorld, load_message
from tests.runtime.telling_language import TellingLanguage

Worlds = Callable[..., LanesWorld]


@pytest.fixture
async def worlds(telling_language: TellingLanguage, tmp_path: Path) -> AsyncIterator[Worlds]:
    made: list[LanesWorld] = []

    def make(instances: int = 2, **changes: Any) -> LanesWorld:
        limits = {"instances": instances, **changes.pop("limits", {})}
        made.append(
            LanesWorld(telling_language, tmp_path, **{"time": {"actionMillis": 60_000}, "limits": limits, **changes})
        )
        return made[-1]

    yield make
    for world in made:
        await world.close()


def lines(capfd: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """The log lines of actions, by the path."""
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    return {line["path"]: line for line in found if line["event"] == "action"}


async def test_small_requests_are_answered_while_one_computes(worlds: Worlds) -> None:
    world = worlds()
    computes = world.ask("/compute/1")
    await world.computing(1)
    names = [f"/small/{number}" for number in range(20)]
    for name in names:
        await world.answered(world.ask(name))
    assert world.replied == names
    assert computes.reply is None
    world.language.tell()
    await world.answered(computes)
    assert computes.answer == "told 1"
    assert world.live == 2


async def test_requests_of_the_same_batch_do_not_wait_for_the_one_that_computes(worlds: Worlds) -> None:
    world = worlds()
    asked = [world.ask(path) for path in ("/small/a", "/small/b", "/compute/1", "/small/c", "/small/d")]
    await world.answered(*asked[:2], *asked[3:])
    assert world.replied == ["/small/a", "/small/b", "/small/c", "/small/d"]
    world.language.tell()
    await world.answered(asked[2])


async def test_with_one_instance_all_wait_for_the_one_that_computes(worlds: Worlds) -> None:
    world = worlds(instances=1, time={"actionMillis": 100})
    computes = world.ask("/compute/1")  # nobody can tell it: the loop stands still
    small = [world.ask(f"/small/{number}") for number in range(3)]
    await world.answered(computes, *small)
    assert world.replied[0] == "/compute/1"
    assert computes.code == "ActionTimeout"
    assert [one.answer for one in small] == ["0", "1", "2"]
    assert world.live == 1


async def test_as_many_compute_at_once_as_there_are_instances(worlds: Worlds) -> None:
    world = worlds(instances=3)
    first, second = world.ask("/compute/2"), world.ask("/compute/1")
    await world.computing(2)
    small = world.ask("/small/a")
    await world.answered(small)
    world.language.tell()
    await world.answered(second)
    assert first.reply is None
    world.language.tell()
    await world.answered(first)
    assert world.replied == ["/small/a", "/compute/1", "/compute/2"]
    assert world.live == 3


async def test_what_comes_when_all_compute_waits_in_order(worlds: Worlds) -> None:
    world = worlds()
    first, second = world.ask("/compute/2"), world.ask("/compute/1")
    await world.computing(2)
    names = [f"/small/{number}" for number in range(40)]
    small = [world.ask(name) for name in names[:20]]
    await world.slices(10)
    small += [world.ask(name) for name in names[20:]]
    await world.slices(10)
    assert world.replied == []
    assert world.live == 2
    world.language.tell()
    await world.answered(second, *small)
    assert world.replied == ["/compute/1", *names]
    assert first.reply is None
    world.language.tell()
    await world.answered(first)


async def test_what_waits_for_an_instance_until_its_deadline_is_refused(worlds: Worlds) -> None:
    world = worlds(time={"actionMillis": 300})
    computing = [world.ask("/loop"), world.ask("/loop")]
    await world.computing(2)
    late = [world.ask("/loop") for _ in range(3)]
    await world.answered(*computing, *late)
    assert {asked.code for asked in computing} == {"ActionTimeout"}
    assert {asked.code for asked in late} <= {"ActionTimeout", "Busy"}
    small = world.ask("/small/a")
    await world.answered(small)
    assert small.answer == "a"


async def test_a_request_that_computes_ends_at_its_deadline_and_others_notice_nothing(worlds: Worlds) -> None:
    world = worlds(time={"actionMillis": 3000})
    loops = world.ask("/loop")
    await world.computing(1)
    small = world.ask("/small/a")
    await world.answered(small)
    assert loops.reply is None
    await world.answered(loops)
    assert loops.reply is not None
    assert (loops.reply.status, loops.code) == (504, "ActionTimeout")
    assert world.live == 1


async def test_a_trap_while_it_computes_fails_one_request_and_its_neighbours_begin_again(
    worlds: Worlds, capfd: pytest.CaptureFixture[str]
) -> None:
    world = worlds()
    naps, aborts = world.ask("/nap"), world.ask("/abort/1")
    await world.computing(1)
    small = world.ask("/small/a")
    await world.answered(small)
    await world.slices(10)
    assert naps.reply is None  # its time is over, and it waits for its instance
    world.language.tell()
    await world.answered(aborts, naps)
    assert aborts.reply is not None
    assert (aborts.reply.status, aborts.code) == (502, "GuestTrapped")
    assert naps.answer
    assert lines(capfd)["/nap"]["attempts"] == 2


async def test_an_action_that_waits_goes_on_in_the_instance_that_it_began_in(worlds: Worlds) -> None:
    world = worlds()
    sleeps, wakes = world.ask("/sleep/a"), world.ask("/wake/a/1")
    await world.computing(1)
    other = world.ask("/instance")
    await world.answered(other)
    assert sleeps.reply is None
    world.language.tell()
    await world.answered(wakes, sleeps)
    assert sleeps.answer == ["a", wakes.answer]
    assert other.answer != wakes.answer


async def test_nothing_to_wait_for_is_told_once_nobody_computes(worlds: Worlds) -> None:
    world = worlds()
    sleeps, computes = world.ask("/sleep/a"), world.ask("/compute/1")
    await world.computing(1)
    await world.answered(world.ask("/small/a"))
    await world.slices(5)
    assert sleeps.reply is None
    world.language.tell()
    await world.answered(computes, sleeps)
    assert sleeps.code == "AppFailed"


async def test_log_records_belong_to_the_action_that_wrote_them(
    worlds: Worlds, capfd: pytest.CaptureFixture[str]
) -> None:
    world = worlds(instances=3)
    computes = [world.ask("/compute/1"), world.ask("/compute/2")]
    await world.computing(2)
    small = world.ask("/small/a")
    await world.answered(small)
    world.language.tell()
    world.language.tell()
    await world.answered(*computes)
    found = {path: [record["message"] for record in line["log"]] for path, line in lines(capfd).items()}
    assert found == {
        "/small/a": ["small a"], "/compute/1": ["begun 1", "told 1"], "/compute/2": ["begun 2", "told 2"],
    }  # fmt: skip


async def test_an_action_that_computes_sees_one_state_and_conflicts_as_any_other(
    worlds: Worlds, capfd: pytest.CaptureFixture[str]
) -> None:
    world = worlds()
    computes = world.ask("/count/1")
    await world.computing(1)
    quick = world.ask("/count/0")
    await world.answered(quick)
    assert quick.answer == [0, 0]
    world.language.tell()
    await world.answered(computes)
    assert computes.answer == [1, 1]  # the second attempt; the first one saw 0 twice and was not stored
    assert lines(capfd)["/count/1"]["attempts"] == 2
    number = world.ask("/number")
    await world.answered(number)
    assert number.answer == 2


async def test_an_attempt_that_is_taken_back_while_it_computes_counts_for_nothing(
    worlds: Worlds, capfd: pytest.CaptureFixture[str]
) -> None:
    """It waits for its turn to write by SQL and computes meanwhile; then what it had read has changed."""
    world = worlds()
    await world.answered(world.ask("/create"))
    others = [world.ask("/compute/1")]
    await world.computing(1)
    await world.answered(world.ask("/small/a"))
    others.append(world.ask("/write"))  # in the second instance, with the turn
    others.append(world.ask("/compute/2"))
    await world.computing(2)
    world.language.tell()
    await world.answered(others[0])
    late = world.ask("/write-late/3")  # in the first one
    await world.computing(2)
    await world.slices(10)
    world.language.tell()
    await world.answered(*others)
    await world.computing(1)  # the second attempt: the instance of the first one was dropped
    assert late.reply is None
    world.language.tell()
    await world.answered(late)
    assert late.answer == 1
    assert lines(capfd)["/write-late/3"]["attempts"] == 2
    written = world.ask("/written")
    await world.answered(written)
    assert written.answer == [1, 7]


async def test_an_action_that_computes_with_the_state_held_gives_way(worlds: Worlds) -> None:
    world = worlds()
    await world.answered(world.ask("/create"))
    computes = world.ask("/write-first/1")
    await world.computing(1)
    writes = world.ask("/count/0")
    await world.answered(writes)
    assert computes.reply is None
    world.language.tell()
    await world.answered(computes)
    assert computes.code == "Busy"
    written = world.ask("/written")
    await world.answered(written)
    assert written.answer == []


async def test_a_get_whose_caller_has_gone_ends_with_its_instance(
    worlds: Worlds, capfd: pytest.CaptureFixture[str]
) -> None:
    world = worlds()
    computes = world.ask("/compute/1")
    await world.computing(1)
    computes.exchange.leave()
    await world.answered(computes, world.ask("/small/a"))
    assert lines(capfd)["/compute/1"]["code"] == "CallerGone"
    await world.computing(0)
    assert world.live == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_computation_is_not_ended_when_that_could_be_noticed(worlds: Worlds, method: str) -> None:
    """A POST, or a GET in an instance in which another action waits."""
    world = worlds()
    sleeps = world.ask("/sleep/a") if method == "GET" else None
    computes = world.ask("/compute/1", method)
    await world.computing(1)
    computes.exchange.leave()
    await world.slices(10)
    assert computes.reply is None
    world.language.tell()
    await world.answered(computes)
    assert computes.answer == "told 1"
    if sleeps is not None:
        await world.answered(sleeps)


async def test_an_instance_that_loads_without_end_holds_nobody_else_up(worlds: Worlds) -> None:
    world = worlds(limits={"instances": 3}, time={"loadMillis": 300, "actionMillis": 60_000})
    world.guests._load_message = load_message(SOURCE + "\nwhile True:\n    pass\n")
    naps, computes = world.ask("/nap"), world.ask("/compute/1")
    await world.computing(1)
    needs = world.ask("/small/a")
    await world.computing(1, loading=1)
    waits = world.ask("/small/b")
    await world.answered(needs)
    assert needs.code == "AppUnavailable"
    assert computes.reply is None
    world.language.tell()
    await world.answered(computes, naps)
    await world.answered(waits)
    small = world.ask("/small/c")
    await world.answered(small)
    assert small.answer == "c"


async def test_a_stop_ends_what_computes_and_what_waits_for_it(worlds: Worlds) -> None:
    world = worlds()
    naps = world.ask("/nap")
    asked: list[Asked] = [naps, world.ask("/loop"), world.ask("/loop")]
    await world.computing(2)
    await world.slices(10)
    await world.app.close()
    assert {one.code for one in asked} == {"AppRestarted"}
    assert world.live == 0


async def test_idle_instances_are_dropped_one_after_the_other_and_the_last_one_stays(worlds: Worlds) -> None:
    world = worlds(instances=3)
    asked = [world.ask("/sleep/a"), world.ask("/compute/1")]
    await world.computing(1)
    asked.append(world.ask("/compute/1"))
    await world.computing(2)
    await world.answered(world.ask("/small/a"))
    first, second, serving = [held.guest for held in world.guests._live]
    assert [world.app._stages.in_use(guest) for guest in (first, second, serving)] == [True, False, False]
    assert world.guests.drop_idle(lambda _guest: False)
    assert world.live == 3  # two compute, and the third serves
    world.language.tell()
    await world.answered(*asked)
    assert world.guests.drop_idle(lambda guest: guest is first)
    assert [guest.dropped for guest in (first, second, serving)] == [False, True, False]
    assert not world.guests.drop_idle(lambda _guest: False)
    assert [guest.dropped for guest in (first, second, serving)] == [True, True, False]
    assert not world.guests.drop_idle(lambda _guest: False)
    assert not serving.dropped
