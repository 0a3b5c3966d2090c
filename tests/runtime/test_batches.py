# SPDX-License-Identifier: Apache-2.0
"""Requests that run in one batch: whatever one of them does, the others get their answers.

A first request holds the loop, so that sixteen others wait for it and then run together.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.runtime.fake_gateway import DEADLINE_SECONDS, Authority, FakeGateway
from tests.runtime.harness import Pod, serving
from tests.runtime.hostile import SOURCE as HOSTILE

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = (
    HOSTILE
    + r"""
@app.get("/hold")
def hold(request):
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    return "held"

@app.get("/count/{key}")
async def count(request, key):
    number = await state.get(key, 0) + 1
    await state.put(key, number)
    return number

@app.get("/fill/{key}")
async def fill_one(request, key):
    await state.put(key, "x" * 100_000)
    return key

@app.get("/stored/{key}")
async def stored(request, key):
    return await state.get(key) is not None
"""
)
BATCH = 16

BREAKING = [
    ("hangs", "/loop", 504, "ActionTimeout"),
    ("traps", "/abort", 502, "GuestTrapped"),
    ("takes all memory", "/allocate", 500, "MemoryExceeded"),
    ("answers nonsense", "/forge/not-json", 502, "TurnInvalid"),
    ("answers too much", "/forge/huge", 502, "TurnInvalid"),
]


@dataclass
class Answered:
    """A response; `order` counts the responses of one batch from 0, as they arrived."""

    order: int
    status: int
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with serving(
        authority,
        engine,
        tmp_path_factory.mktemp("batches"),
        SOURCE,
        time={"actionMillis": 2000},
        limits={"concurrency": 32},
    ) as pod:
        yield pod


async def together(pod: Pod, paths: list[str]) -> list[Answered]:
    """The answers to requests that wait for the loop together, in the order of `paths`."""
    connections = [await asyncio.open_connection("127.0.0.1", pod.port) for _ in range(len(paths) + 1)]
    arrived: list[int] = []

    async def answer(index: int) -> tuple[int, bytes]:
        reader, _ = connections[index]
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        arrived.append(index)
        return int(head.split()[1]), body

    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            for (_, writer), path in zip(connections, ["/hold", *paths], strict=True):
                writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            answers = await asyncio.gather(*[answer(index) for index in range(len(connections))])
    finally:
        for _, writer in connections:
            writer.close()
    return [Answered(arrived.index(index), *answers[index]) for index in range(1, len(connections))]


@pytest.mark.parametrize("place", [0, 7, 15])
@pytest.mark.parametrize(
    ("path", "status", "code"), [case[1:] for case in BREAKING], ids=[case[0] for case in BREAKING]
)
async def test_a_guest_that_breaks_in_a_batch_fails_one_request_only(
    pod: Pod, path: str, status: int, code: str, place: int
) -> None:
    paths = ["/fine"] * BATCH
    paths[place] = path
    before = len(pod.log())
    answers = await together(pod, paths)
    broken = answers.pop(place)
    assert (broken.status, broken.code) == (status, code)
    assert [(answer.status, json.loads(answer.body)) for answer in answers] == [(200, {"fine": True})] * (BATCH - 1)
    assert Counter(line.get("code", "ok") for line in pod.log()[before:]) == {"ok": BATCH, code: 1}
    assert not pod.log("worker ended")


async def test_a_request_that_hangs_does_not_hold_back_the_replies_before_it(pod: Pod) -> None:
    before = len(pod.log())
    paths = ["/fine"] * BATCH
    paths[7] = "/loop"
    answers = await together(pod, paths)
    assert [answer.status for answer in answers] == [200] * 7 + [504] + [200] * 8
    lines = pod.log()[before:]
    hanging = next(line for line in lines if line["path"] == "/loop")
    # Lines are written before their replies: those before it in the middle of its call at the latest.
    middle = datetime.fromisoformat(hanging["time"]) - timedelta(milliseconds=hanging["guestMillis"] / 2)
    early = [line for line in lines if datetime.fromisoformat(line["time"]) < middle]
    assert [line["path"] for line in early] == ["/hold"] + ["/fine"] * 7


async def test_a_request_that_logs_a_megabyte_gets_one_bounded_line_among_the_others(pod: Pod) -> None:
    before = len(pod.log_file.read_bytes())
    answers = await together(pod, ["/fine"] * 7 + ["/print-gigabyte"] + ["/fine"] * 8)
    assert [answer.status for answer in answers] == [200] * BATCH
    assert len(pod.log_file.read_bytes()) - before < 4 * 16384


async def test_several_broken_requests_in_one_batch_leave_the_others_whole(pod: Pod) -> None:
    answers = await together(pod, ["/abort", "/fine", "/fine", "/forge/not-json"] * 4)
    assert Counter(answer.status for answer in answers) == {502: 8, 200: 8}


async def test_everything_that_is_answered_is_in_the_log_already(pod: Pod) -> None:
    for _ in range(3):
        before = len(pod.log())
        await together(pod, ["/fine"] * BATCH)
        assert len(pod.log()) - before == BATCH + 1


async def test_actions_of_one_batch_store_their_own_keys(pod: Pod) -> None:
    for expected in (1, 2, 3):
        answers = await together(pod, [f"/count/own-{index}" for index in range(BATCH)])
        assert [(answer.status, json.loads(answer.body)) for answer in answers] == [(200, expected)] * BATCH
    lines = [line for line in pod.log() if line["path"].startswith("/count/own-")]
    assert not any("attempts" in line for line in lines)


async def test_a_request_sees_what_was_stored_before_it_was_sent(pod: Pod) -> None:
    waiting = [asyncio.create_task(together(pod, ["/fine"] * BATCH)) for _ in range(2)]
    for expected in range(1, 20):
        assert (await pod.call("GET", "/count/seen")).json() == expected
    await asyncio.gather(*waiting)


async def test_a_disk_that_fills_among_the_commits_of_a_batch_refuses_those_that_do_not_fit(
    authority: Authority, engine: Path, tmp_path: Path, small_disk: Path
) -> None:
    gateway = FakeGateway(authority, tmp_path)
    await gateway.start()
    pod = Pod(tmp_path / "pod", gateway, engine)
    pod.write(SOURCE, limits={"concurrency": 32})
    pod.environment["state_directory"] = str(small_disk)
    await pod.start()
    answers = await together(pod, [f"/fill/{index}" for index in range(BATCH)])
    assert Counter(answer.status for answer in answers).keys() == {200, 507}
    for index, answer in enumerate(answers):
        assert (await pod.call("GET", f"/stored/{index}")).json() is (answer.status == 200)
    assert not pod.log("worker ended")
    await pod.stop()
    await gateway.stop()
