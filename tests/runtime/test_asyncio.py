# SPDX-License-Identifier: Apache-2.0
"""asyncio inside an action, as generated apps write it: over turns, timers and calls of the host."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Pod, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = """
import asyncio
import contextvars
import time
from genapps import ToolError, app, gather, state, tools

name = contextvars.ContextVar("name", default="nobody")
door = asyncio.Event()
lock = asyncio.Lock()
queue = asyncio.Queue()

async def after(seconds, value):
    await asyncio.sleep(seconds)
    return value

@app.get("/plain")
async def plain(request):
    return "no waiting"

@app.get("/def")
def no_coroutine(request):
    return "a function"

@app.get("/gather")
async def gathered(request):
    begun = time.monotonic()
    found = await asyncio.gather(*[after(0.1, number) for number in (2, 3, 4, 5)])
    return {"sum": sum(found), "together": time.monotonic() - begun < 0.35}

@app.get("/first")
async def first(request):
    tasks = [asyncio.create_task(after(seconds, seconds)) for seconds in (5, 0.01, 5)]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    return [task.result() for task in done]

@app.get("/completed")
async def completed(request):
    order = []
    for next_one in asyncio.as_completed([after(0.06, "c"), after(0.0, "a"), after(0.03, "b")]):
        order.append(await next_one)
    return order

@app.get("/group")
async def group(request):
    seen = []
    async def add(seconds):
        seen.append(await after(seconds, seconds))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(add(0.02))
        tasks.create_task(add(0.01))
    return seen

@app.get("/group-fails")
async def group_fails(request):
    async def fail():
        await asyncio.sleep(0.01)
        raise ValueError("one of them")
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            tasks.create_task(after(5, 1))
    except ExceptionGroup as errors:
        return [str(error) for error in errors.exceptions]

@app.get("/wait-for")
async def wait_for(request):
    try:
        await asyncio.wait_for(after(5, 1), 0.02)
    except TimeoutError:
        return "too late"

@app.get("/timeout")
async def timeout(request):
    try:
        async with asyncio.timeout(0.02):
            await asyncio.sleep(5)
    except TimeoutError:
        return "too late"

@app.get("/producer")
async def producer(request):
    own = asyncio.Queue(maxsize=1)
    async def produce():
        for number in range(5):
            await own.put(number)
        await own.put(None)
    task = asyncio.create_task(produce())
    found = []
    while (item := await own.get()) is not None:
        found.append(item)
    await task
    return found

@app.get("/semaphore")
async def semaphore(request):
    places, running, most = asyncio.Semaphore(2), 0, 0
    async def work():
        nonlocal running, most
        async with places:
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
    await asyncio.gather(*[work() for _ in range(6)])
    return most

@app.get("/context")
async def context(request):
    name.set(request.query["name"])
    await asyncio.sleep(0.02)
    async def told():
        return name.get()
    return await asyncio.create_task(told())

@app.get("/thread")
async def thread(request):
    return [await asyncio.to_thread(sum, [1, 2]), await asyncio.get_running_loop().run_in_executor(None, max, 3, 4)]

@app.get("/tools")
async def call_tools(request):
    quick, slow = await asyncio.gather(tools.call("quick", "a"), tools.call("slow", "b"), return_exceptions=True)
    return [quick.code, slow.code]

@app.get("/quickest-tool")
async def quickest_tool(request):
    tasks = [asyncio.create_task(tools.call(connector, "a")) for connector in ("quick", "slow")]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return [len(done), len(left)]

@app.get("/state")
async def states(request):
    await asyncio.gather(*[state.put(f"key-{number}", number) for number in range(5)])
    return await asyncio.gather(*[state.get(f"key-{number}") for number in range(5)])

@app.get("/own-gather")
async def own_gather(request):
    return await gather(state.get("nothing", 1), after(0.01, 2))

@app.get("/background")
async def background(request):
    asyncio.create_task(after(5, 1))
    return "answered"

@app.get("/stubborn")
async def stubborn(request):
    async def stay():
        while True:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass
    asyncio.create_task(stay())
    return "answered"

@app.get("/open")
async def open_door(request):
    door.set()
    return "open"

@app.get("/through")
async def through(request):
    door.clear()
    await asyncio.wait([asyncio.create_task(door.wait()), asyncio.create_task(asyncio.sleep(4))],
                       return_when=asyncio.FIRST_COMPLETED)
    return door.is_set()

@app.get("/put/{value}")
async def put(request, value):
    await queue.put(value)
    return "put"

@app.get("/take")
async def take(request):
    asyncio.create_task(asyncio.sleep(4))
    return await queue.get()

@app.get("/locked")
async def locked(request):
    async with lock:
        number = await state.get("locked", 0)
        await asyncio.sleep(0.002)
    return number

@app.get("/stuck")
async def stuck(request):
    await asyncio.Event().wait()

@app.get("/run")
def run(request):
    return asyncio.run(after(0, 1))

@app.get("/fails")
async def fails(request):
    await asyncio.sleep(0.001)
    raise KeyError("after waiting")

@app.get("/forever")
async def forever(request):
    await asyncio.sleep(3600)

@app.get("/many-timers")
async def many_timers(request):
    await asyncio.gather(*[asyncio.sleep(1) for _ in range(2000)])

@app.get("/spin")
async def spin(request):
    while True:
        await asyncio.sleep(0)

@app.get("/cancelled")
async def cancelled(request):
    asyncio.current_task().cancel()
    await asyncio.sleep(1)

@app.get("/clean")
async def clean(request):
    try:
        await tools.call("hold", "a")
    finally:
        print("cleaned up")
"""

ANSWERS: list[tuple[str, Any]] = [
    ("/plain", "no waiting"),
    ("/def", "a function"),
    ("/gather", {"sum": 14, "together": True}),
    ("/first", [0.01]),
    ("/completed", ["a", "b", "c"]),
    ("/group", [0.01, 0.02]),
    ("/group-fails", ["one of them"]),
    ("/wait-for", "too late"),
    ("/timeout", "too late"),
    ("/producer", [0, 1, 2, 3, 4]),
    ("/semaphore", 2),
    ("/context?name=ada", "ada"),
    ("/thread", [3, 4]),
    ("/tools", ["ConnectorNotInEnvelope", "ConnectorNotInEnvelope"]),
    ("/state", [0, 1, 2, 3, 4]),
    ("/own-gather", [1, 2]),
    ("/background", "answered"),
    ("/stubborn", "answered"),
]

FAILURES = [
    ("waiting for nothing fails at once", "/stuck", 500, "AppFailed"),
    ("a loop inside the loop is refused", "/run", 500, "AppFailed"),
    ("an exception after waiting is the app's", "/fails", 500, "AppFailed"),
    ("a long sleep ends at the deadline", "/forever", 504, "ActionTimeout"),
    ("timers are limited", "/many-timers", 500, "AppFailed"),
    ("yielding forever ends at the deadline", "/spin", 504, "ActionTimeout"),
    ("an action that cancels itself has failed", "/cancelled", 500, "AppFailed"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(authority: Authority, engine: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pod]:
    async with serving(
        authority, engine, tmp_path_factory.mktemp("asyncio"), SOURCE, time={"actionMillis": 2000}
    ) as pod:
        yield pod


def answer_of(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


@pytest.mark.parametrize(("path", "expected"), ANSWERS, ids=[path for path, _ in ANSWERS])
async def test_asyncio_works_as_elsewhere(pod: Pod, path: str, expected: Any) -> None:
    answer = await pod.call("GET", path)
    assert (answer.status, answer_of(answer.body)) == (200, expected), pod.log()[-1]


@pytest.mark.parametrize(
    ("path", "status", "code"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
async def test_what_cannot_work_is_a_clean_error(pod: Pod, path: str, status: int, code: str) -> None:
    answer = await pod.call("GET", path)
    assert (answer.status, answer.code) == (status, code), pod.log()[-1]
    assert (await pod.call("GET", "/plain")).status == 200


async def test_tasks_that_are_left_are_cancelled_and_logged(pod: Pod) -> None:
    assert (await pod.call("GET", "/background")).status == 200
    assert "still running" in str(pod.log()[-1]["log"])


async def test_the_first_tool_to_answer_is_enough(pod: Pod) -> None:
    release = asyncio.Event()

    async def slow(body: dict[str, Any]) -> None:
        if body["connector"] == "slow":
            await release.wait()

    pod.gateway.on_call = slow
    assert (await pod.call("GET", "/quickest-tool")).json() == [1, 1]
    release.set()
    pod.gateway.on_call = None


async def test_contexts_of_concurrent_actions_are_their_own(pod: Pod) -> None:
    names = [f"n{number}" for number in range(8)]
    answers = await asyncio.gather(*[pod.call("GET", f"/context?name={name}") for name in names])
    assert [answer.body.decode() for answer in answers] == names


async def test_one_action_can_wake_another(pod: Pod) -> None:
    waiting = asyncio.create_task(pod.call("GET", "/through"))
    await pod.until_metrics("genapps_actions_waiting 1\n")
    assert (await pod.call("GET", "/open")).body == b"open"
    assert (await waiting).json() is True


async def test_a_queue_hands_over_from_one_action_to_another(pod: Pod) -> None:
    waiting = [asyncio.create_task(pod.call("GET", "/take")) for _ in range(3)]
    await pod.until_metrics("genapps_actions_waiting 3\n")
    for value in ("a", "b", "c"):
        assert (await pod.call("GET", f"/put/{value}")).status == 200
    assert {(await task).body for task in waiting} == {b"a", b"b", b"c"}


async def test_a_lock_is_held_by_one_action_at_a_time(pod: Pod) -> None:
    answers = await asyncio.gather(*[pod.call("GET", "/locked") for _ in range(12)])
    assert [answer.status for answer in answers] == [200] * 12


async def test_many_sleepers_leave_room_for_others(pod: Pod) -> None:
    sleepers = [asyncio.create_task(pod.call("GET", "/forever")) for _ in range(40)]
    await pod.until_metrics("genapps_actions_waiting 40\n")
    assert (await pod.call("GET", "/plain")).status == 200
    assert {(await task).status for task in sleepers} == {504}
