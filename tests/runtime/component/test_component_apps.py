# SPDX-License-Identifier: Apache-2.0
"""An app that is a component, in a process like that of its pod: it starts, answers, naps and ends as others do."""

import os
import signal
from pathlib import Path

import pytest

from tests.runtime.component.scripted import GROW, LOG, SPIN, TRAP, app, arithmetic, bare
from tests.runtime.harness import Pod, pss_kib, until
from tests.runtime.test_nap import SOON, napping

RESULT = chr(0)
APP = app(
    {
        "/hello": "200\0[]\0\0hello",
        "/put": '200\0[]\0[["n","7"]]\0put',
        "/get": f"get{RESULT}1{RESULT}n",
        "/tool": '{"calls":[{"id":2,"tool":{"connector":"rates","tool":"latest","arguments":{}}}]}',
        "/timer": '{"calls":[{"id":3,"timer":{"millis":1}}]}',
        "/log": LOG,
        "/spin": SPIN,
        "/trap": TRAP,
        "/grow": GROW,
        "/noise": "no turn",
        RESULT + "1" + RESULT + "7": "200\0[]\0\0n is 7",
        '"rate":42': "200\0[]\0\0the rate is 42",
        RESULT + "3": "200\0[]\0\0later",
    }
)
COMPONENT = {"language": "component", "entry": "app.wasm"}


def compilers(pod: Pod) -> list[int]:
    """The processes that the worker has started."""
    found = [Path(f"/proc/{worker}/task/{worker}/children") for worker in pod.children()]
    return [int(child) for file in found if file.exists() for child in file.read_text().split()]


def cut(pod: Pod) -> None:
    """As the operator mounts a large component. The tenth piece follows the ninth, and not the first."""
    file = pod.directory / "code" / "app.wasm"
    file.unlink()
    file.mkdir()
    for number in range(12):
        end = (number + 1) * 200 if number < 11 else None
        (file / str(number)).write_bytes(APP[number * 200 : end])


def lose_a_piece(pod: Pod) -> None:
    file = pod.directory / "code" / "app.wasm"
    (file / "11").rename(file / "12")


async def test_it_serves_state_tools_timers_and_errors_and_naps(pod: Pod) -> None:
    pod.gateway.answers["rates"] = 200, {"result": {"rate": 42}}
    pod.write({"app.wasm": APP, "public/index.html": b"<p>"}, **COMPONENT, time={"actionMillis": 1000, **SOON})
    pod.engine = pod.directory / "no engine"
    await pod.start()
    assert pod.log("ready")[0]["routes"] == ["GET /hello"]

    async def told(path: str) -> tuple[int, bytes | str]:
        answer = await pod.call("GET", path)
        return answer.status, answer.code if answer.status >= 400 else answer.body

    assert [await told(path) for path in ("/hello", "/put", "/get", "/tool", "/timer", "/log", "/index.html")] == [
        (200, b"hello"),
        (200, b"put"),
        (200, b"n is 7"),
        (200, b"the rate is 42"),
        (200, b"later"),
        (200, b"hello"),
        (200, b"<p>"),
    ]
    assert [call["connector"] for call in pod.gateway.calls] == ["rates"]
    for path, status, code in (
        ("/spin", 504, "ActionTimeout"),
        ("/trap", 502, "GuestTrapped"),
        ("/grow", 502, "GuestTrapped"),
        ("/noise", 502, "TurnInvalid"),
    ):
        assert await told(path) == (status, code)
        assert await told("/get") == (200, b"n is 7")
    for naps in (1, 2):
        await napping(pod, naps)
        assert await told("/get") == (200, b"n is 7")
    os.kill(pod.worker(), signal.SIGKILL)
    await pod.until_log("worker ended")
    assert await told("/get") == (200, b"n is 7")
    assert len(pod.log("compiled")) == 1
    await pod.stop()
    await pod.start()
    assert await told("/get") == (200, b"n is 7")
    assert len(pod.log("compiled")) == 2


async def test_a_component_in_pieces_is_the_one_that_was_judged(pod: Pod) -> None:
    pod.write({"app.wasm": APP, "words.txt": b"a"}, **COMPONENT)
    cut(pod)
    await pod.start()
    assert (await pod.call("GET", "/hello")).body == b"hello"
    await pod.stop()
    lose_a_piece(pod)
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "SnapshotMismatch"


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (b"\0asm\x01\0\0\0", "app.wasm is a core module of WebAssembly, no component: build it for wasm32-wasip2"),
        (
            bare("", resume=""),
            "app.wasm is no component that can run: it does not export resume; the world genapps:app",
        ),
        (bare("(func $f unreachable) (start $f)"), "the component does not start within 67108864 bytes of memory"),
        (app({}, load="no tables", accepted=False), "the code does not load: no tables"),
    ],
    ids=["a module", "another world", "one that does not start", "one that does not load"],
)
async def test_what_cannot_run_ends_the_process_with_the_reason(pod: Pod, component: bytes, words: str) -> None:
    pod.write({"app.wasm": component}, **COMPONENT)
    await pod.start(ready=False)
    assert await pod.ended() == 3
    assert pod.termination()["reason"] == "CodeRejected"
    assert words in pod.termination()["message"]


async def test_a_compiler_that_is_killed_is_started_again_with_the_worker(pod: Pod) -> None:
    pod.write({"app.wasm": bare(arithmetic(300, 90))}, **COMPONENT)
    await pod.start(ready=False)
    await until(lambda: bool(compilers(pod)))
    assert pod.process is not None
    assert pss_kib(pod.process.pid) + pss_kib(pod.worker()) <= 56 * 1024  # the rest of the pod's share is its own
    os.kill(compilers(pod)[0], signal.SIGKILL)
    await pod.until_ready()
    assert len(pod.log("worker ended")) == 1
    assert [line["error"] for line in pod.log("the compiler ended")] == ["the compiler was killed from outside"]
    assert (await pod.call("GET", "/")).body == b"hello"
    assert len(pod.log("compiled")) == 1
