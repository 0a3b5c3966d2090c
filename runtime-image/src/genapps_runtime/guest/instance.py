# SPDX-License-Identifier: Apache-2.0
"""One instance of a language engine with one app's code, driven on the event loop.

A guest serves many actions at once (each waits for its calls outside the guest) but runs one at a time. One that may
pause gives the loop back every few milliseconds while it computes, and can do nothing else meanwhile. After a trap, a
timeout or an invalid turn its memory is not trusted any more: the store is closed, and every action in it fails.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import orjson

from genapps_runtime.guest.c_api import WasmtimeError
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.immediate import Answer, Databases, nobody_answers
from genapps_runtime.guest.readings import Readings
from genapps_runtime.guest.store import (
    INTERRUPT,
    PROCESSOR_USED_UP,
    GuestLog,
    LogSink,
    ReentrantCallError,
    ignore_record,
)
from genapps_runtime.guest.string_call import TURN_BYTES, ResultCall, StringCall
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import printable
from genapps_runtime.termination import Reason, RefusedError

CANCEL_SECONDS = 0.05
_USED_UP = "the app used up the time of the request"

Ended = TypeVar("Ended")


class GuestGoneError(Exception):
    """The guest cannot serve requests any more. `code` is one of `problems.CODES`, `detail` says what happened."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Guest:
    """Owns the store of an instance."""

    def __init__(
        self,
        language: Language,
        heartbeat: Heartbeat,
        memory_bytes: int,
        databases: Databases | None = None,
        *,
        pausing: bool = False,
    ) -> None:
        """With `pausing` its calls pause when they compute. `databases` are closed when it is dropped.

        Raises RefusedError when the engine does not start with `memory_bytes`.
        """
        self._ticker = language.ticker
        self._log = GuestLog()
        self._heartbeat = heartbeat
        self.dropped = False
        self.computing = False
        """Whether a call has paused. `go_on`, or `go_on_loading`, lets it run again; no other call can begin."""
        self._paused: tuple[StringCall | ResultCall, float, LogSink, Answer, Readings | None] | None = None
        """The call that has paused, its deadline, its log, what answers it, and its readings."""
        self._load_seconds = 0.0
        self.routes: list[str] = []
        """Of the code that has loaded."""
        try:
            self._store = language.instantiate(memory_bytes, self._log)
            self._databases = databases
            if databases is not None:
                self._store.databases = databases.answer
            load = ResultCall(self._store, "load")
            self._cancel = StringCall(self._store, "resume")
            start = StringCall(self._store, "start")
        except WasmtimeError as error:
            detail = f"the engine does not start within {memory_bytes} bytes of memory: {printable(str(error), 200)}"
            raise RefusedError(Reason.CONFIG_INVALID, detail) from None
        self._pausing = pausing
        self._fallback: Callable[[bytes], bytes | None] | None = None
        self._load = partial(self._on_fiber, load) if pausing else load
        self._start = partial(self._on_fiber, start) if pausing else start
        self._resume = partial(self._on_fiber, self._cancel) if pausing else self._cancel

    def load(
        self, message: str, seconds: float, sink: LogSink = ignore_record, answer: Answer = nobody_answers
    ) -> list[str]:
        """Hand over the app's files (`bundle.load_message`); returns the app's routes.

        Raises RefusedError when the code does not load within `seconds`.
        """
        self.begin_loading(message, seconds, sink, answer)
        while self.computing:
            self.go_on_loading()
        return self.routes

    def begin_loading(self, message: str, seconds: float, sink: LogSink, answer: Answer = nobody_answers) -> None:
        """The same until the load pauses: `go_on_loading` follows while this guest is `computing`."""
        self._load_seconds = seconds
        self._loading(lambda: self._call(self._load, message.encode(), time.monotonic() + seconds, sink, answer))

    def go_on_loading(self) -> None:
        """Let the load that has paused run until it ends or pauses again. Raises RefusedError."""
        self._loading(self._after_pause)

    def start(
        self,
        message: bytes,
        deadline: float,
        sink: LogSink,
        answer: Answer = nobody_answers,
        readings: Readings | None = None,
    ) -> bytes:
        """Begin an action; returns its first turn (JSON), or nothing when the call has paused (`computing`).

        `deadline` is a time of the monotonic clock, in seconds. `sink` gets what the app logs, `answer` what it asks
        inside the call; `readings` are for `Store.readings`. Raises GuestGoneError.
        """
        return self._turn(self._start, message, deadline, sink, answer, readings)

    def fallback(
        self,
        message: bytes,
        deadline: float,
        sink: LogSink,
        answer: Answer = nobody_answers,
        readings: Readings | None = None,
    ) -> bytes:
        """Begin the app's own fallback for a request; otherwise like `start`."""
        if self._fallback is None:
            fallback = StringCall(self._store, "fallback")
            self._fallback = partial(self._on_fiber, fallback) if self._pausing else fallback
        return self._turn(self._fallback, message, deadline, sink, answer, readings)

    def resume(
        self,
        message: bytes,
        deadline: float,
        sink: LogSink,
        answer: Answer = nobody_answers,
        readings: Readings | None = None,
    ) -> bytes:
        """Continue an action with the results of its calls; otherwise like `start`."""
        return self._turn(self._resume, message, deadline, sink, answer, readings)

    def go_on(self) -> bytes:
        """Let the call that has paused run until it ends or pauses again; otherwise like `start`."""
        return self._checked(self._after_pause())

    def cancel(self, action: int) -> None:
        """End an action that nobody waits for. Its clean-up code gets CANCEL_SECONDS, then the guest is dropped."""
        if not self.dropped:
            message = orjson.dumps({"action": action, "cancel": True})
            try:
                self._turn(self._cancel, message, time.monotonic() + CANCEL_SECONDS, ignore_record, nobody_answers)
            except GuestGoneError:
                return

    @property
    def on_slow(self) -> Callable[[], None] | None:
        """Called once, on the loop's thread, while a call into the guest runs for more than `store.SLOW_SECONDS`.

        It may answer others; it cannot call a guest or drop this one (ReentrantCallError). What it raises is logged,
        and the guest goes on until its deadline.
        """
        return self._store.on_slow

    @on_slow.setter
    def on_slow(self, hook: Callable[[], None] | None) -> None:
        self._store.on_slow = hook

    @property
    def processor_left(self) -> Callable[[], float] | None:
        """What `Store.processor_left` is."""
        return self._store.processor_left

    @processor_left.setter
    def processor_left(self, asked: Callable[[], float] | None) -> None:
        self._store.processor_left = asked

    def drop(self) -> None:
        """Close the store. Actions that still wait for calls fail with AppRestarted when they continue."""
        if not self.dropped:
            self._store.close()
            self.dropped, self.computing = True, False
            if self._databases is not None:
                self._databases.close()

    def _loading(self, step: Callable[[], tuple[bool, bytes | None] | None]) -> None:
        try:
            outcome = step()
        except GuestGoneError as gone:
            late = f"it did not finish within {self._load_seconds:g} s"
            detail = late if gone.code == "ActionTimeout" else gone.detail
            raise RefusedError(Reason.CODE_REJECTED, f"the code does not load: {detail}") from None
        if outcome is None:
            return
        loaded, answer = outcome
        if not loaded:
            self.drop()
            raise _refusal(answer or b"")
        try:
            self.routes = [str(route) for route in orjson.loads(answer or b"")["routes"]]
        except (ValueError, KeyError, TypeError):
            self.drop()
            raise RefusedError(
                Reason.CODE_REJECTED, "the code does not load: the engine returned no list of routes"
            ) from None

    def _turn(
        self,
        function: Callable[[bytes], bytes | None],
        message: bytes,
        deadline: float,
        sink: LogSink,
        answer: Answer,
        readings: Readings | None = None,
    ) -> bytes:
        turn = self._call(function, message, deadline, sink, answer, readings)
        return turn if turn is not None else self._checked(turn)

    def _checked(self, turn: bytes | None) -> bytes:
        if turn is not None:
            return turn
        if self.computing:
            return b""
        self.drop()
        raise GuestGoneError("TurnInvalid", f"the app returned more than {TURN_BYTES} bytes in one turn")

    def _on_fiber(self, call: StringCall | ResultCall, message: bytes) -> Any:
        return self._until_pause(call, call.begin(message))

    def _after_pause(self) -> Any:
        assert self._paused is not None  # noqa: S101  it is `computing`
        call, deadline, sink, answer, readings = self._paused
        self.computing = False
        try:
            return self._call(
                lambda _message: self._until_pause(call, call.go_on()), b"", deadline, sink, answer, readings
            )
        except GuestGoneError as gone:
            self.drop()
            if gone.code == "ActionTimeout":  # it may have been told that it only waited
                raise GuestGoneError(gone.code, _USED_UP) from None
            raise

    def _until_pause(self, call: StringCall | ResultCall, ended: bool) -> Any:
        """The answer, or None when the call has paused."""
        if ended:
            return call.answer()
        store, self.computing = self._store, True
        self._paused = call, store.deadline, self._log.sink, store.answer, store.readings
        return None

    def _call(
        self,
        function: Callable[[bytes], Ended],
        message: bytes,
        deadline: float,
        sink: LogSink,
        answer: Answer,
        readings: Readings | None = None,
    ) -> Ended:
        ticker, log, store = self._ticker, self._log, self._store
        if ticker.running:
            raise ReentrantCallError("a call into a guest runs")
        if self.dropped:
            raise GuestGoneError("AppRestarted", "the app was restarted because another request broke it")
        if store.set_deadline(deadline) <= 0:
            raise GuestGoneError("ActionTimeout", "the time of the request ran out while it waited")
        log.sink, store.answer, store.readings = sink, answer, readings
        ticker.enter()
        self._heartbeat.enter(int(deadline * 1e9))
        try:
            return function(message)
        except WasmtimeError as error:
            self.drop()
            raise _gone(str(error)) from None
        except Exception as error:
            # A host function raised, or the guest's answer could not be read.
            self.drop()
            raise GuestGoneError("GuestTrapped", f"the call into the app failed with {type(error).__name__}") from None
        except BaseException:
            self.drop()
            raise
        finally:
            self._heartbeat.leave()
            ticker.leave()
            log.sink, store.answer, store.readings = ignore_record, nobody_answers, None


def cpu_limit_exceeded() -> GuestGoneError:
    """What becomes of a guest whose action has used the processor for longer than its tier allows."""
    return GuestGoneError(
        "CpuLimitExceeded", "the app used the processor for longer than its tier's cpuMillisPerAction"
    )


_FULL = (
    " (so does an interpreter or a standard library that cannot go on, most often because guestMemory of the tier is "
    "full)"
)


def _gone(message: str) -> GuestGoneError:
    """What a trap means to the caller. wasmtime describes traps by text only."""
    if INTERRUPT in message:
        return GuestGoneError("ActionTimeout", _USED_UP)
    if PROCESSOR_USED_UP in message:
        return cpu_limit_exceeded()
    if "call stack exhausted" in message:
        return GuestGoneError("GuestTrapped", "the app exhausted its call stack")
    if "unknown import" in message:
        name = message.rpartition("unknown import: ")[2].split(" ")[0].strip("`")
        hint = _FULL if name.startswith("wasi:cli/stderr") else ""
        return GuestGoneError("GuestTrapped", f"the app called a function that is not available to apps: {name}{hint}")
    return GuestGoneError("GuestTrapped", "the app crashed: " + message.rpartition("wasm trap: ")[2][:200])


def _refusal(payload: bytes) -> RefusedError:
    try:
        found = orjson.loads(payload)
        reason = Reason.MODULE_NOT_AVAILABLE if found["code"] == "ModuleNotAvailable" else Reason.CODE_REJECTED
        return RefusedError(reason, f"{found['file']}, line {int(found['line'])}: {found['message']}")
    except (ValueError, KeyError, TypeError):
        said = printable(payload.decode(errors="replace"), 400)
        return RefusedError(Reason.CODE_REJECTED, f"the code does not load: {said or 'it gives no reason'}")
