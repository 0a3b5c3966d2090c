# SPDX-License-Identifier: Apache-2.0
"""Several requests in one instance: what each asks for, and what becomes of it when another one ends or leaves."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from genapps_runtime.bundle import Bundle, load_message
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.messages import resume_message, start_message
from genapps_runtime.guest.turns import Calls, Done, Failed, Turn, Wait, parse_turn
from genapps_runtime.heartbeat import Heartbeat

MEMORY = 64 * 1024 * 1024
APP = """
let release, timer, left = [];
const later = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const routes = {
  "/wait": () => new Promise((resolve) => (release = resolve)),
  "/fail": () => {
    release(new Response("free"));
    throw new TypeError("failed");
  },
  "/debounced": async (request, env) => {
    clearTimeout(timer);
    timer = setTimeout(() => undefined, 5000);
    return new Response(`got ${await env.STATE.get("a")}`);
  },
  "/read": async (request, env) => {
    const found = env.STATE.get("a");
    for (let number = -1; number < 100; number++) clearTimeout(number);
    clearTimeout("__proto__");
    return new Response(`got ${await found}`);
  },
  "/timers": async () => {
    const seen = [];
    setTimeout(() => { throw new Error("in a timer"); }, 1);
    await Promise.all([later(2).then(() => seen.push(2)), later(3).then(() => seen.push(3))]);
    return Response.json(seen);
  },
  "/stream": (request) => {
    request.signal.addEventListener("abort", () => left.push("signal"));
    return new Response(new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array([1])),
      cancel() { left.push("stream"); },
    }));
  },
  "/left": () => Response.json(left),
  "/upload": async (request) => {
    let size = 0;
    for await (const piece of request.body) size += piece.length;
    return Response.json(size);
  },
  "/hoard": async (request) => {
    const kept = [];
    for (let left = Number(await request.text()); left > 0; left--) kept.push(new Uint8Array(1000));
    return Response.json(kept.length);
  },
  "/size": async (request) => Response.json((await request.text()).length),
  "/full": () => {
    const kept = [];
    for (;;) kept.push("x".repeat(1000) + kept.length);
  },
  "/full-bytes": () => {
    const kept = [];
    for (;;) kept.push(new Uint8Array(100000));
  },
};
export default { fetch: (request, env, ctx) => routes[new URL(request.url).pathname](request, env, ctx) };
"""


class Instance:
    """One guest, driven turn by turn."""

    def __init__(self, javascript: Language, memory: int = MEMORY) -> None:
        self.log: list[str] = []
        self.guest = Guest(javascript, Heartbeat(), memory)
        self.guest.load(load_message(Bundle("app.js", {"app.js": APP.encode()}), 10_000, "javascript"), 10)

    def start(self, number: int, path: str, body: bytes = b"", *, in_pieces: bool = False) -> Turn:
        message = start_message(number, "r", "POST", path, "", [], body, in_pieces=in_pieces)
        return parse_turn(self.guest.start(message, time.monotonic() + 10, self.log.append))

    def resume(self, number: int, results: dict[str, Any]) -> Turn:
        outcomes = {call: {"ok": value} for call, value in results.items()}
        return parse_turn(self.guest.resume(resume_message(number, outcomes), time.monotonic() + 10, self.log.append))

    def cancel(self, number: int) -> None:
        """As the host does it, with time on a busy machine."""
        message = b'{"action":%d,"cancel":true}' % number
        assert b"Cancelled" in self.guest.resume(message, time.monotonic() + 10, self.log.append)


@pytest.fixture
def instance(javascript: Language) -> Iterator[Instance]:
    made = Instance(javascript)
    yield made
    made.guest.drop()


def body_of(turn: Turn) -> bytes:
    assert isinstance(turn, Done), turn
    return turn.piece


def waits(turn: Turn) -> Wait:
    assert isinstance(turn, Wait), turn
    return turn


def test_a_request_that_fails_wakes_those_that_it_has_let_go_on(instance: Instance) -> None:
    assert waits(instance.start(1, "/wait")) == Wait([], [], [])
    assert waits(instance.start(2, "/fail")) == Wait([], [], [1, 2])
    assert body_of(instance.resume(1, {})) == b"free"
    failed = instance.resume(2, {})
    assert isinstance(failed, Failed)
    assert (failed.code, failed.detail) == ("AppFailed", "TypeError: failed")


def test_a_timer_that_an_app_has_kept_is_nothing_to_the_next_request(instance: Instance) -> None:
    for number in (1, 2, 3):
        calls = waits(instance.start(number, "/debounced")).calls
        assert [call.kind for call in calls] == ["timer", "get"]
        assert body_of(instance.resume(number, {calls[1].id: "7"})) == b"got 7"


def test_clearing_a_timer_ends_no_other_call(instance: Instance) -> None:
    turn = instance.start(1, "/read")
    assert isinstance(turn, Calls)
    assert body_of(instance.resume(1, {turn.calls[0].id: "7"})) == b"got 7"


def test_an_error_in_a_timer_is_told_and_loses_no_other_result(instance: Instance) -> None:
    calls = waits(instance.start(1, "/timers")).calls
    assert body_of(instance.resume(1, {call.id: None for call in calls})) == b"[2,3]"
    assert "nobody handles it: Error: in a timer" in instance.log[0]


def test_an_app_learns_that_nobody_reads_its_stream(instance: Instance) -> None:
    stream = waits(instance.start(1, "/stream")).calls[0]
    assert stream.kind == "stream"
    assert waits(instance.resume(1, {stream.id: True})).calls[0].kind == "send"
    instance.cancel(1)
    assert sorted(body_of(instance.start(2, "/left")).split(b'"')[1::2]) == [b"signal", b"stream"]


def test_a_body_that_comes_in_pieces_is_read_piece_by_piece(instance: Instance) -> None:
    turn: Any = instance.start(1, "/upload", in_pieces=True)
    for piece in ({"text": "abc"}, {"base64": "/w=="}, None):
        (call,) = waits(turn).calls
        assert call.kind == "body"
        turn = instance.resume(1, {call.id: piece})
    assert body_of(turn) == b"4"


@pytest.mark.parametrize("path", ["/full", "/full-bytes"])
@pytest.mark.parametrize("memory", [6 * 1024 * 1024, 16 * 1024 * 1024 + 12345])
def test_the_end_of_the_memory_is_told_as_such(javascript: Language, path: str, memory: int) -> None:
    instance = Instance(javascript, memory)
    failed = instance.start(1, path)
    assert isinstance(failed, Failed)
    assert failed.code == "MemoryExceeded"
    instance.guest.drop()


@pytest.mark.parametrize(
    ("path", "leaves"), [("/debounced", False), ("/timers", False), ("/stream", True), ("/wait", True)]
)
def test_requests_leave_nothing_behind(javascript: Language, path: str, leaves: bool) -> None:
    """1000 bytes of each would be more than the instance has."""
    instance = Instance(javascript, 5 * 1024 * 1024)
    for number in range(1, 3001):
        calls = waits(instance.start(number, path)).calls
        if leaves:
            instance.cancel(number)
        else:
            body_of(instance.resume(number, {call.id: None for call in calls}))
    instance.guest.drop()


def test_memory_that_an_app_has_freed_serves_for_what_callers_send(javascript: Language) -> None:
    most, turn = 0, None
    while not isinstance(turn, Failed):
        instance = Instance(javascript, 5 * 1024 * 1024)
        turn = instance.start(1, "/hoard", b"%d" % (most + 16))
        most += 16
        instance.guest.drop()
    instance = Instance(javascript, 5 * 1024 * 1024)
    assert body_of(instance.start(1, "/hoard", b"%d" % (most - 16))) == b"%d" % (most - 16)
    assert body_of(instance.start(2, "/size", b"a" * 60_000)) == b"60000"
    instance.guest.drop()
