# SPDX-License-Identifier: Apache-2.0
"""An app that nobody calls gives its memory back, and nobody notices: real processes on real sockets."""

import asyncio
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import pytest

from tests.runtime.fake_gateway import DEADLINE_SECONDS
from tests.runtime.harness import Pod, pss_kib, until
from tests.runtime.rejected import FINE

SOON = {"napMillis": 200}
FAST = {"fence_interval_seconds": "0.1", "fence_patience_seconds": "0.5", "fence_failing_seconds": "0.2"}
COUNTER = """
from genapps import app, state

starts = []

@app.post("/")
async def count(request):
    starts.append(1)
    n = await state.get("n", 0) + 1
    await state.put("n", n)
    return [n, len(starts)]

@app.get("/echo/{text}")
async def echo(request, text):
    return text
"""


async def napping(pod: Pod, naps: int = 1) -> None:
    """Wait until it has napped so often, and no process but the supervisor is left."""
    await until(lambda: len(pod.log("napping")) >= naps and not pod.children())


async def test_a_request_ends_a_nap_and_finds_the_state_and_a_fresh_module(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    await pod.start()
    assert (await pod.call("POST", "/")).json() == [1, 1]
    for naps in range(1, 4):
        await napping(pod, naps)
        assert (await pod.health("/readyz")).status == 200
        answer = await pod.call("POST", "/")
        assert (answer.status, answer.json()) == (200, [naps + 1, 1])
    assert [line["cause"] for line in pod.log("napping")] == ["no requests"] * len(pod.log("napping"))
    assert all(line["millis"] >= 200 for line in pod.log("napping"))
    assert len(pod.log("woken")) == 3
    assert {line["cause"] for line in pod.log("woken")} == {"connection"}
    assert len(pod.log("ready")) == 1
    assert not pod.log("worker ended")


async def test_the_state_is_closed_cleanly_before_a_nap(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    await pod.start()
    await pod.call("POST", "/")
    await napping(pod)
    files = sorted(path.suffix for path in (pod.directory / "state").rglob("*.sqlite*"))
    assert files == [".sqlite"]


async def test_metrics_never_go_back(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    await pod.start()
    for naps in range(1, 4):
        await pod.call("POST", "/")
        await napping(pod, naps)
        text = (await pod.health("/metrics")).body.decode()
        assert f'genapps_actions_total{{outcome="ok"}} {naps}\n' in text
        assert f"genapps_action_duration_seconds_count {naps}\n" in text
        assert f"genapps_guest_starts_total {naps}\n" in text
        assert f"genapps_naps_total {naps}\n" in text
        assert "genapps_napping 1\n" in text
        assert "genapps_fence_proven 1\n" in text
    await pod.call("POST", "/")
    await pod.until_metrics("genapps_napping 0\n")


async def test_a_napping_pod_weighs_no_more_than_12_mib(
    pod: Pod, record_property: Callable[[str, object], None]
) -> None:
    pod.write(COUNTER, time=SOON)
    await pod.start()
    await pod.call("POST", "/")
    await napping(pod)
    assert pod.process is not None
    kib = pss_kib(pod.process.pid)
    record_property("pss_kib", str(kib))
    assert kib <= 12 * 1024


async def test_a_term_signal_ends_a_nap_with_0(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    await pod.start()
    await napping(pod)
    assert await pod.stop() == 0
    assert not pod.log("woken")


async def test_a_term_signal_on_the_way_into_a_nap_or_out_of_it_ends_with_0(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    await pod.start()
    await pod.until_log("napping")
    assert await pod.stop() == 0
    await pod.start()
    await napping(pod, 2)
    _, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    await until(lambda: bool(pod.children()))
    assert await pod.stop() == 0
    writer.close()
    assert not pod.log("worker ended")


async def test_an_app_whose_config_says_0_does_not_nap(pod: Pod) -> None:
    pod.write(COUNTER, time={"napMillis": 0})
    await pod.start()
    worker = pod.worker()
    for _ in range(2):  # beats: a nap of the shortest time would have begun
        await pod.call("POST", "/")
        await pod.until_metrics(f'outcome="ok"}} {len(pod.log())}\n')
    assert pod.worker() == worker
    assert not pod.log("napping")


async def test_a_running_request_holds_off_the_nap(pod: Pod) -> None:
    pod.write(
        "from genapps import app, tools\n@app.get('/')\nasync def call(request):\n"
        "    return await tools.call('rates', 'latest')\n",
        time=SOON | {"actionMillis": 60_000},
    )
    pod.gateway.answers["rates"] = 200, {"result": 1}
    pod.gateway.hold = asyncio.Event()
    await pod.start()
    running = asyncio.create_task(pod.call("GET", "/"))
    await pod.gateway.until_called("rates")
    await asyncio.sleep(1)  # five times as long as an idle app has
    assert not pod.log("napping")
    pod.gateway.hold.set()
    assert (await running).json() == 1
    await napping(pod)


async def test_a_connection_that_has_brought_nothing_yet_holds_off_the_nap(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    await pod.start()
    worker = pod.worker()
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    await asyncio.sleep(1)  # five times as long as an idle app has
    assert pod.worker() == worker
    writer.write(b"GET /echo/late HTTP/1.1\r\nhost: a\r\n\r\n")
    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    # Now it is a connection as any other: kept for the next request, and closed at the nap.
    await napping(pod)
    assert (await reader.read()).endswith(b"late")
    writer.close()
    await writer.wait_closed()


async def test_a_caller_that_keeps_connections_finds_it_closed_and_gets_an_answer(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    await pod.start()
    async with aiohttp.ClientSession() as session:
        for naps in range(1, 4):
            async with session.get(f"http://127.0.0.1:{pod.port}/echo/{naps}") as response:
                assert await response.text() == str(naps)
            await napping(pod, naps)


async def test_of_many_callers_around_the_beginning_of_naps_each_gets_one_answer(pod: Pod) -> None:
    """Some find a worker that is killed while it ends: it has stopped accepting, so they wait for the next one."""
    pod.write(COUNTER, time=SOON)
    await pod.start()
    chance = random.Random(7)
    done = False

    async def call(number: int) -> bytes:
        await asyncio.sleep(max(0.0, chance.gauss(0.205, 0.01)))
        return (await pod.call("GET", f"/echo/{number}")).body

    async def kill() -> None:
        seen = 0
        while not done:
            naps = len(pod.log("napping"))
            if naps > seen and naps % 3 == 0:
                with suppress(ProcessLookupError, IndexError):
                    os.kill(pod.children()[0], signal.SIGKILL)
            seen = naps
            await asyncio.sleep(0.001)

    killing = asyncio.create_task(kill())
    number = 0
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(pod.log("napping")) < 9:
            numbers = range(number, number + 8)
            assert await asyncio.gather(*map(call, numbers)) == [str(one).encode() for one in numbers]
            number += 8
    done = True
    await killing
    paths = [line["path"] for line in pod.log()]
    assert sorted(paths) == sorted(f"/echo/{one}" for one in range(number))


async def test_the_fence_is_proven_again_and_again_while_it_naps(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    pod.environment |= FAST
    await pod.start()
    await napping(pod)
    before = pod.gateway.probed
    await until(lambda: pod.gateway.probed >= before + 3)
    assert (await pod.health("/readyz")).status == 200
    assert (await pod.call("GET", "/echo/here")).body == b"here"


async def test_a_fence_that_opens_during_a_nap_ends_the_process(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    pod.environment |= FAST
    await pod.start()
    await napping(pod)
    await pod.gateway.open_canary()
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "EgressOpen"
    assert [line["reason"] for line in pod.log("refused")] == ["EgressOpen"]
    assert not pod.log("woken")


async def test_without_a_gateway_a_napping_app_is_not_ready_and_its_code_does_not_run(pod: Pod) -> None:
    pod.write("print('loaded')\n" + COUNTER, time=SOON)
    pod.environment |= FAST | {"fence_proof_seconds": "2"}
    await pod.start()
    await napping(pod)
    await pod.gateway.stop()
    await pod.until_ready(wanted=False)
    assert "genapps_fence_proven 0" in await pod.until_metrics("genapps_fence_proven 0")
    await asyncio.sleep(2)  # the last proof grows too old
    answer = await pod.call("GET", "/echo/early")
    assert (answer.status, answer.code) == (503, "NotReady")
    assert len(pod.log("load")) == 1
    await pod.gateway.start()
    await pod.until_ready()
    assert (await pod.call("GET", "/echo/now")).body == b"now"
    assert len(pod.log("load")) == 2


async def test_a_gateway_that_comes_back_makes_a_napping_app_ready_again(pod: Pod) -> None:
    pod.write(COUNTER, time=SOON)
    pod.environment |= FAST
    await pod.start()
    await napping(pod)
    await pod.gateway.stop()
    await pod.until_ready(wanted=False)
    await pod.gateway.start()
    await pod.until_ready()
    assert not pod.log("woken")


async def test_an_app_that_is_awake_runs_on_no_old_proof_either(pod: Pod) -> None:
    pod.write(COUNTER)
    pod.environment |= FAST | {"fence_proof_seconds": "2"}
    await pod.start()
    await pod.gateway.stop()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            answer = await pod.call("GET", "/echo/text")
            if answer.status != 200:
                break
            await asyncio.sleep(0.05)
    assert (answer.status, answer.code) == (503, "NotReady")
    await pod.until_ready(wanted=False)
    await pod.gateway.start()
    await pod.until_ready()
    assert (await pod.call("GET", "/echo/text")).body == b"text"


async def test_a_guest_that_computes_does_not_keep_the_probe_from_its_turn(pod: Pod) -> None:
    pod.write(
        "import time\n" + COUNTER + "\n@app.get('/compute')\ndef compute(request):\n"
        "    ends = time.monotonic() + 3\n    while time.monotonic() < ends: pass\n    return 'computed'\n"
    )
    pod.environment |= FAST | {"fence_proof_seconds": "2.5"}
    await pod.start()
    assert (await pod.call("GET", "/compute")).body == b"computed"
    assert (await pod.call("GET", "/echo/next")).body == b"next"
    assert (await pod.health("/readyz")).status == 200


@pytest.mark.parametrize("millis", [-1, 24 * 3600 * 1000 + 1, "60s", None, True])
async def test_a_time_that_is_none_is_refused_by_its_field(pod: Pod, millis: object) -> None:
    pod.write(FINE, time={"napMillis": millis})
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "ConfigInvalid"
    assert "RuntimeConfig time.napMillis" in pod.termination()["message"]
