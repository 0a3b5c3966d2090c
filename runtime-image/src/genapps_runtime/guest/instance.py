# SPDX-License-Identifier: Apache-2.0
"""One instance of a language engine with one app's code, driven on the event loop.

A guest serves many actions at once (each waits for its calls outside the guest) but runs one at a time. After a
trap, a timeout or an invalid turn its memory is not trusted any more: the store is closed, and every action in it
fails.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import orjson

from genapps_runtime.guest.c_api import WasmtimeError
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.store import INTERRUPT, GuestLog, LogSink, ReentrantCallError, ignore_record
from genapps_runtime.guest.string_call import TURN_BYTES, ResultCall, StringCall
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import printable
from genapps_runtime.termination import Reason, RefusedError

CANCEL_SECONDS = 0.05

Answer = TypeVar("Answer")


class GuestGoneError(Exception):
    """The guest cannot serve requests any more. `code` is one of `problems.CODES`, `detail` says what happened."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Guest:
    """Owns the store of an instance."""

    def __init__(self, language: Language, heartbeat: Heartbeat, memory_bytes: int) -> None:
        """Raises RefusedError when the engine does not start with `memory_bytes`."""
        self._ticker = language.ticker
        self._log = GuestLog()
        self._heartbeat = heartbeat
        self.dropped = False
        try:
            self._store = language.instantiate(memory_bytes, self._log)
            self._load = ResultCall(self._store, "load")
            self._start = StringCall(self._store, "start")
            self._resume = StringCall(self._store, "resume")
        except WasmtimeError as error:
            detail = f"the engine does not start within {memory_bytes} bytes of memory: {printable(str(error), 200)}"
            raise RefusedError(Reason.CONFIG_INVALID, detail) from None

    def load(self, message: str, seconds: float, sink: LogSink = ignore_record) -> list[str]:
        """Hand over the app's files (`bundle.load_message`); returns the app's routes.

        Raises RefusedError when the code does not load within `seconds`.
        """
        try:
            loaded, answer = self._call(self._load, message.encode(), time.monotonic() + seconds, sink)
        except GuestGoneError as gone:
            detail = f"it did not finish within {seconds:g} s" if gone.code == "ActionTimeout" else gone.detail
            raise RefusedError(Reason.CODE_REJECTED, f"the code does not load: {detail}") from None
        if not loaded:
            self.drop()
            raise _refusal(answer or b"")
        try:
            return [str(route) for route in orjson.loads(answer or b"")["routes"]]
        except (ValueError, KeyError, TypeError):
            self.drop()
            raise RefusedError(
                Reason.CODE_REJECTED, "the code does not load: the engine returned no list of routes"
            ) from None

    def start(self, message: bytes, deadline: float, sink: LogSink) -> bytes:
        """Begin an action; returns its first turn (JSON).

        `deadline` is a time of the monotonic clock, in seconds. `sink` gets what the app logs. Raises
        GuestGoneError.
        """
        return self._turn(self._start, message, deadline, sink)

    def resume(self, message: bytes, deadline: float, sink: LogSink) -> bytes:
        """Continue an action with the results of its calls; otherwise like `start`."""
        return self._turn(self._resume, message, deadline, sink)

    def cancel(self, action: int) -> None:
        """End an action that nobody waits for. Its clean-up code gets CANCEL_SECONDS, then the guest is dropped."""
        if not self.dropped:
            message = orjson.dumps({"action": action, "cancel": True})
            try:
                self._turn(self._resume, message, time.monotonic() + CANCEL_SECONDS, ignore_record)
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

    def drop(self) -> None:
        """Close the store. Actions that still wait for calls fail with AppRestarted when they continue."""
        if not self.dropped:
            self._store.close()
            self.dropped = True

    def _turn(self, function: StringCall, message: bytes, deadline: float, sink: LogSink) -> bytes:
        turn = self._call(function, message, deadline, sink)
        if turn is None:
            self.drop()
            raise GuestGoneError("TurnInvalid", f"the app returned more than {TURN_BYTES} bytes in one turn")
        return turn

    def _call(self, function: Callable[[bytes], Answer], message: bytes, deadline: float, sink: LogSink) -> Answer:
        ticker, log = self._ticker, self._log
        if ticker.running:
            raise ReentrantCallError("a call into a guest runs")
        if self.dropped:
            raise GuestGoneError("AppRestarted", "the app was restarted because another request broke it")
        if self._store.set_deadline(deadline) <= 0:
            raise GuestGoneError("ActionTimeout", "the time of the request ran out while it waited")
        log.sink = sink
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
            log.sink = ignore_record


def _gone(message: str) -> GuestGoneError:
    """What a trap means to the caller. wasmtime describes traps by text only."""
    if INTERRUPT in message:
        return GuestGoneError("ActionTimeout", "the app used up the time of the request")
    if "call stack exhausted" in message:
        return GuestGoneError("GuestTrapped", "the app exhausted its call stack")
    if "unknown import" in message:
        name = message.rpartition("unknown import: ")[2].split(" ")[0].strip("`")
        return GuestGoneError("GuestTrapped", f"the app called a function that is not available to apps: {name}")
    return GuestGoneError("GuestTrapped", "the app crashed: " + message.rpartition("wasm trap: ")[2][:200])


def _refusal(payload: bytes) -> RefusedError:
    try:
        found = orjson.loads(payload)
        reason = Reason.MODULE_NOT_AVAILABLE if found["code"] == "ModuleNotAvailable" else Reason.CODE_REJECTED
        return RefusedError(reason, f"{found['file']}, line {int(found['line'])}: {found['message']}")
    except (ValueError, KeyError, TypeError):
        return RefusedError(Reason.CODE_REJECTED, "the code does not load, and the engine gives no reason")
