# SPDX-License-Identifier: Apache-2.0
"""Which requests with keys run, and what repeats of them get. Without a guest."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genapps_runtime.problems import CODES, ProblemError
from genapps_runtime.serve import keys as keys_module
from genapps_runtime.serve.keys import RESPONSE_BYTES, Keyed, admit
from genapps_runtime.serve.messages import Reply, Request
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.marks import Room
from genapps_runtime.state.transaction import Commit
from tests.runtime.harness import until
from tests.support.clock import Clock

RETENTION = 100
REQUEST = Request("k", "POST", "/orders", "a=1", [(b"content-type", b"application/json")], b"{}", "k")
REPLY = Reply(201, [(b"location", b"/orders/1"), (b"x", b"caf\xe9")], b"made\n1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def facet(tmp_path: Path, clock: Clock) -> AsyncIterator[Facet]:
    made = Facet(str(tmp_path), "default", 1_000_000, 4, RETENTION, clock)
    yield made
    await made.close()


async def answer(facet: Facet, request: Request = REQUEST, reply: Reply = REPLY) -> None:
    """Run a request to its end."""
    keyed = admit(request, facet)
    assert isinstance(keyed, Keyed)
    await stored(facet, Commit(None, [], mark=keyed.mark(reply)))
    keyed.leave(answered=True, wrote=False)
    facet.end_batch()


async def stored(facet: Facet, commit: Commit) -> None:
    done = asyncio.Event()
    facet.commit([commit], lambda _: done.set())
    await done.wait()
    assert commit.verdict is None


def refusal(facet: Facet, request: Request = REQUEST) -> str:
    with pytest.raises(ProblemError) as refused:
        admit(request, facet)
    return refused.value.code


async def test_a_repeat_gets_the_same_answer_and_is_told_so(facet: Facet) -> None:
    await answer(facet)
    assert admit(REQUEST, facet) == Reply(201, [*REPLY.headers, (b"idempotent-replayed", b"true")], REPLY.body)
    assert not facet.running


@pytest.mark.parametrize(
    "same",
    [
        {"headers": [*REQUEST.headers, (b"user-agent", b"x"), (b"authorization", b"Bearer renewed")]},
        {"headers": [(b"x", b"y"), *REQUEST.headers]},
    ],
)
async def test_other_fields_make_no_other_request(facet: Facet, same: dict[str, Any]) -> None:
    await answer(facet)
    assert isinstance(admit(replace(REQUEST, **same), facet), Reply)


OTHERS = [
    {"query": "a=2"},
    {"query": ""},
    {"body": b"{ }"},
    {"body": b""},
    {"headers": []},
    {"headers": [(b"content-type", b"text/plain")]},
    {"headers": REQUEST.headers * 2},
    {"query": "a=1{}", "body": b""},
]


@pytest.mark.parametrize("other", OTHERS)
async def test_a_key_belongs_to_one_request(facet: Facet, other: dict[str, Any]) -> None:
    running = admit(REQUEST, facet)
    assert refusal(facet, replace(REQUEST, **other)) == "KeyReused"
    assert isinstance(running, Keyed)
    running.leave(answered=True, wrote=False)
    await answer(facet)
    assert refusal(facet, replace(REQUEST, **other)) == "KeyReused"
    assert CODES["KeyReused"].status == 422


@pytest.mark.parametrize(
    "other", [{"method": "PUT"}, {"path": "/orders/"}, {"key": "k2"}, {"path": "/", "key": "orders"}]
)
async def test_the_scope_of_a_key_is_method_and_path(facet: Facet, other: dict[str, Any]) -> None:
    await answer(facet)
    assert isinstance(admit(replace(REQUEST, **other), facet), Keyed)


async def test_a_repeat_of_what_runs_is_told_to_come_later(facet: Facet) -> None:
    keyed = admit(REQUEST, facet)
    assert refusal(facet) == "RequestRunning"
    assert (CODES["RequestRunning"].status, CODES["RequestRunning"].retry_after) == (409, 1)
    assert isinstance(keyed, Keyed)
    keyed.leave(answered=True, wrote=False)
    assert isinstance(admit(REQUEST, facet), Keyed)


async def test_what_ran_when_the_process_ended_runs_again(facet: Facet, tmp_path: Path) -> None:
    await answer(facet, replace(REQUEST, key="done"))
    admit(REQUEST, facet)
    again = Facet(str(tmp_path), "default", 1_000_000, 4, RETENTION, Clock())
    assert isinstance(admit(REQUEST, again), Keyed)
    assert isinstance(admit(replace(REQUEST, key="done"), again), Reply)
    again.end_batch()
    await again.close()


@pytest.mark.parametrize("status", [500, 501, 503, 599, 408, 425, 429])
async def test_an_answer_that_says_try_again_is_not_kept(facet: Facet, status: int) -> None:
    await answer(facet, reply=Reply(status, [], b""))
    assert facet.figures.kept.marks == 0
    assert isinstance(admit(REQUEST, facet), Keyed)


@pytest.mark.parametrize("status", [200, 204, 303, 400, 404, 409, 422, 499])
async def test_any_other_answer_is_kept(facet: Facet, status: int) -> None:
    await answer(facet, reply=Reply(status, [], b""))
    found = admit(REQUEST, facet)
    assert isinstance(found, Reply)
    assert found.status == status


async def test_of_a_large_response_the_mark_is_kept(facet: Facet) -> None:
    head = len(keys_module._encoded(Reply(200, [], b"")))
    await answer(facet, reply=Reply(200, [], b"x" * (RESPONSE_BYTES - head)))
    assert isinstance(admit(REQUEST, facet), Reply)
    other = replace(REQUEST, key="k2")
    await answer(facet, other, Reply(200, [], b"x" * (RESPONSE_BYTES - head + 1)))
    assert refusal(facet, other) == "ResponseNotKept"
    assert CODES["ResponseNotKept"].status == 409


async def test_a_response_that_gave_way_to_newer_ones_is_refused_and_never_run_again(facet: Facet) -> None:
    await answer(facet)
    for number in range(5):
        await answer(facet, replace(REQUEST, key=f"large {number}"), Reply(200, [], b"x" * (RESPONSE_BYTES - 100)))
    assert refusal(facet) == "ResponseNotKept"
    assert isinstance(admit(replace(REQUEST, key="large 4"), facet), Reply)


async def test_a_key_may_be_used_again_when_its_retention_is_over(facet: Facet, clock: Clock) -> None:
    await answer(facet)
    clock.now += RETENTION - 1
    assert isinstance(admit(REQUEST, facet), Reply)
    facet.end_batch()
    clock.now += 1
    await answer(facet, reply=Reply(200, [], b"second"))
    found = admit(REQUEST, facet)
    assert isinstance(found, Reply)
    assert found.body == b"second"
    assert facet.figures.kept.marks == 1


async def test_a_full_table_takes_no_further_key_until_something_is_too_old(
    facet: Facet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facet.marks, "room", Room(3, 1000))
    await answer(facet)
    running = [admit(replace(REQUEST, key=f"running {number}"), facet) for number in range(2)]
    assert refusal(facet, replace(REQUEST, key="one more")) == "KeysFull"
    assert CODES["KeysFull"].status == 507
    assert isinstance(admit(REQUEST, facet), Reply)
    clock.now += RETENTION
    assert isinstance(admit(replace(REQUEST, key="one more"), facet), Keyed)
    assert all(isinstance(one, Keyed) for one in running)


async def test_marks_go_when_their_retention_is_over_though_nobody_stores_anything(tmp_path: Path) -> None:
    clock = Clock()
    facet = Facet(str(tmp_path), "default", 1_000_000, 4, RETENTION, clock)
    await answer(facet)
    await facet.close()
    clock.now += RETENTION
    facet = Facet(str(tmp_path), "default", 1_000_000, 4, RETENTION, clock)
    assert facet.figures.kept.marks == 1
    facet.sweep_later()
    await until(lambda: facet.figures.kept.marks == 0)
    await facet.close()


async def test_what_was_given_up_as_late_is_stored_once(facet: Facet) -> None:
    """A disk that hung: the first attempt's commit ends after a repeat has begun."""
    first, repeat = admit(REQUEST, facet), None
    assert isinstance(first, Keyed)
    first.leave(answered=True, wrote=False)
    repeat = admit(REQUEST, facet)
    assert isinstance(repeat, Keyed)
    done = asyncio.Event()
    early, late = (
        Commit(None, [("n", str(number))], mark=one.mark(REPLY)) for number, one in enumerate((first, repeat))
    )
    facet.commit([early], lambda _: None)
    facet.commit([late], lambda _: done.set())
    await done.wait()
    assert early.verdict is None
    assert late.verdict is not None
    assert facet.view().get("n") == "0"
    facet.end_batch()
