# SPDX-License-Identifier: Apache-2.0
"""A pod takes the state over from another revision: copied before its code runs, and given back on the way back."""

from pathlib import Path

from tests.runtime.harness import Pod

COUNTER = """
from genapps import app, state

@app.get("/n")
async def read(request):
    return await state.get("n", 0)

@app.get("/add")
async def add(request):
    n = await state.get("n", 0) + 1
    await state.put("n", n)
    return n

@app.get("/fill/{key}")
async def fill(request, key):
    await state.put(key, "x" * 200_000)
    return key
"""
SPOILER = """
from genapps import app, state

print("loaded")

@app.get("/")
async def spoil(request):
    await state.put("n", 1000)
    return "spoilt"
"""


async def test_a_return_gives_back_the_state_once(pod: Pod) -> None:
    pod.write(COUNTER)
    await pod.start()
    assert [(await pod.call("GET", "/add")).json() for _ in range(2)] == [1, 2]
    await pod.stop()
    pod.write(SPOILER, stateSnapshot=True)
    await pod.start()
    assert (await pod.call("GET", "/")).body == b"spoilt"
    await pod.stop()
    pod.write(COUNTER)
    await pod.start("--restore-state")
    assert (await pod.call("GET", "/n")).json() == 2
    assert (await pod.call("GET", "/add")).json() == 3
    await pod.stop()
    await pod.start("--restore-state")
    assert (await pod.call("GET", "/n")).json() == 3
    assert [line["insteadOf"] != line["revision"] for line in pod.log("state restored")] == [True]


async def test_without_the_option_the_state_stays_as_the_other_revision_left_it(pod: Pod) -> None:
    pod.write(COUNTER)
    await pod.start()
    await pod.stop()
    pod.write(SPOILER, stateSnapshot=True)
    await pod.start()
    await pod.call("GET", "/")
    await pod.stop()
    pod.write(COUNTER)
    await pod.start()
    assert (await pod.call("GET", "/n")).json() == 1000


async def test_without_the_wish_nothing_is_copied_and_a_return_keeps_the_state(pod: Pod) -> None:
    pod.write(COUNTER)
    await pod.start()
    await pod.stop()
    pod.write(SPOILER)
    await pod.start()
    await pod.call("GET", "/")
    await pod.stop()
    assert not pod.log("state copied")
    pod.write(COUNTER)
    await pod.start("--restore-state")
    assert (await pod.call("GET", "/n")).json() == 1000
    assert len(pod.log("no copy to restore")) == 1


async def test_a_claim_too_small_for_the_copy_ends_the_pod_before_any_code_ran(pod: Pod, small_disk: Path) -> None:
    pod.environment["state_directory"] = str(small_disk)
    pod.write(COUNTER)
    await pod.start()
    assert [(await pod.call("GET", path)).status for path in ("/add", "/fill/a", "/fill/b")] == [200] * 3
    await pod.stop()
    (small_disk / "of somebody else").write_bytes(b"x" * 400_000)
    pod.write(SPOILER, stateSnapshot=True)
    await pod.start(ready=False)
    assert await pod.ended() == 3
    found = pod.termination()
    assert found["reason"] == "StateSnapshotFailed"
    assert "No space left on device): it takes 4" in found["message"]
    assert "choose a tier with a larger claim" in found["message"]
    assert not pod.log("load")
    pod.write(COUNTER)
    await pod.start("--restore-state")
    assert (await pod.call("GET", "/n")).json() == 1
    await pod.stop()
