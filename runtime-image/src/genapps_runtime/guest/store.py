# SPDX-License-Identifier: Apache-2.0
"""A store with one instance in it: the memory of a guest, its limits, and whether a call runs in it.

A store is deleted once, by `close`, and never while a call runs in it. Its context and the handles of its functions
are void afterwards: they are reached through the store only, which refuses.
"""

import itertools
import time
from collections.abc import Callable
from ctypes import byref, c_uint64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from genapps_runtime import logs
from genapps_runtime.guest import c_api
from genapps_runtime.guest.c_api import WasmtimeError, context_set_epoch_deadline
from genapps_runtime.guest.immediate import Answer, nobody_answers
from genapps_runtime.guest.readings import Readings
from genapps_runtime.guest.ticker import ticks
from genapps_runtime.problems import printable

if TYPE_CHECKING:
    from genapps_runtime.guest.linker import Linker

SLOW_SECONDS = 0.01
"""How long a call runs before `Store.on_slow` is called, at least; at most a tick more."""
_SLOW_TICKS = c_uint64(ticks(SLOW_SECONDS))
_NEVER_TICKS = c_uint64(2**60)

INTERRUPT = "wasm trap: interrupt"
"""How wasmtime describes the end of a call at its deadline."""
PROCESSOR_USED_UP = "genapps: processor time used up"
"""The end of a call that has used the processor for as long as it may."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Counts of what a store may have beside the bytes of its memories."""

    table_elements: int
    instances: int
    tables: int
    memories: int


ENGINE_LIMITS = StoreLimits(table_elements=100_000, instances=64, tables=32, memories=8)

LogSink = Callable[[str], None]


def ignore_record(_record: str) -> None:
    """The sink while no action runs."""


class GuestLog:
    """Where a guest's log goes. `sink` gets the records of the action that runs."""

    __slots__ = ("sink",)

    def __init__(self) -> None:
        self.sink: LogSink = ignore_record


class ReentrantCallError(Exception):
    """A guest was called, or a store closed, from inside a call into a guest."""


class Store:
    """One instance of a linked component."""

    def __init__(
        self,
        linker: "Linker",
        memory_bytes: int,
        log: GuestLog,
        limits: StoreLimits = ENGINE_LIMITS,
        start_seconds: float | None = None,
    ) -> None:
        """`memory_bytes` bounds each memory of the store. With `start_seconds` the start of the instance must end by
        then; somebody has to advance the epoch meanwhile. Raises WasmtimeError when the instance does not start.
        """
        self.log = log
        self.answer: Answer = nobody_answers
        """Answers what the guest asks inside the call that runs; in UTF-8, and it raises nothing that is expected."""
        self.databases: Answer = nobody_answers
        """Answers likewise what the guest asks of its databases in memory."""
        self.readings: Readings | None = None
        """What the call that runs is told of the clock and of chance; None: what is so now."""
        self.running = False
        """Whether a call has begun and not ended."""
        self.pausing = False
        """Whether the call that runs does so on a fiber."""
        self.abandon: Callable[[], None] | None = None
        """Ends the call that has paused, if one has."""
        self.on_slow: Callable[[], None] | None = None
        self.processor_left: Callable[[], float] | None = None
        """How many seconds of the processor the call that runs may still use: asked of one that is slow."""
        self.deadline = 0.0
        self.slow = False
        """Whether the call that runs has been found to run for long."""
        self._raised: BaseException | None = None
        self._pointer: c_api.StorePtr | None = None
        number = next(_NUMBERS)
        self._pointer = c_api.store_new(linker.engine, number, c_api.NO_FINALIZER)
        self._context: c_api.ContextPtr | None = c_api.store_context(self._pointer)
        _STORES[number] = self
        counts = limits.table_elements, limits.instances, limits.tables, limits.memories
        c_api.store_limiter(self._pointer, memory_bytes, *counts)
        c_api.store_epoch_deadline_callback(self._pointer, _EPOCH_REACHED, None, c_api.NO_FINALIZER)
        if start_seconds is None:
            context_set_epoch_deadline(self._context, _NEVER_TICKS)
        else:
            self.set_deadline(time.monotonic() + start_seconds)
        self._instance = c_api.InstanceHandle()
        self.running = True
        try:
            error = c_api.linker_instantiate(linker.pointer, self._context, linker.component, byref(self._instance))
        finally:
            self.running = False
        try:
            self.check(error)
        except BaseException:
            self.close()
            raise

    @property
    def context(self) -> c_api.ContextPtr:
        """What calls into the store need. Raises ValueError when it is closed."""
        if self._context is None:
            raise ValueError("already closed")
        return self._context

    def function(self, name: str) -> c_api.FunctionHandle:
        """The instance's export `name`; raises WasmtimeError when there is none."""
        encoded, handle = name.encode(), c_api.FunctionHandle()
        index = c_api.instance_get_export_index(byref(self._instance), self.context, None, encoded, len(encoded))
        if not index:
            raise WasmtimeError(f"the engine has no export {name!r}")
        try:
            if not c_api.instance_get_func(byref(self._instance), self.context, index, byref(handle)):
                raise WasmtimeError(f"the engine's export {name!r} is no function")
        finally:
            c_api.export_index_delete(index)
        return handle

    def set_deadline(self, deadline: float) -> float:
        """The next call must end by `deadline`, a time of the monotonic clock in seconds: then it traps.

        Returns how many seconds are left; when there are none, nothing is set. A call that runs for SLOW_SECONDS
        makes `on_slow` run, once and inside the call, and goes on. That must not call the guest, and its time is the
        guest's.
        """
        left = deadline - time.monotonic()
        if left > SLOW_SECONDS:
            context_set_epoch_deadline(self.context, _SLOW_TICKS)
        elif left > 0:
            context_set_epoch_deadline(self.context, ticks(left))
        self.deadline, self.slow = deadline, False
        return left

    def epoch_reached(self) -> tuple[int, bool]:
        """For the callback: the number of ticks that the call may go on for, and whether it pauses first; 0 ends it.

        A call on a fiber goes on for a tick when it is slow: a machine that had no time for it is no reason to pause.
        From then on it pauses after each tick, and whoever lets it go on looks at what it has used.
        """
        left = self.deadline - time.monotonic()
        if self.pausing:
            pauses, self.slow = self.slow, True
            return (1 if left > 0 else 0), pauses
        if left > 0 and not self.slow:
            self.slow = True
            self._tell_slow()
            left = self.deadline - time.monotonic()
        if left > 0 and self.processor_left is not None:
            left = min(left, self.processor_left())
            if left <= 0:
                raise WasmtimeError(PROCESSOR_USED_UP)
        return (ticks(left) if left > 0 else 0), False

    def _tell_slow(self) -> None:
        if self.on_slow is not None:
            try:
                self.on_slow()
            except Exception as error:
                described = printable(f"{type(error).__name__}: {error}", 500)
                logs.write("the runtime failed while a guest ran", level="error", error=described)

    def failed(self, error: BaseException) -> int:
        """For a callback: keep what it raised, and return the address of the error that ends the guest's call."""
        if isinstance(error, WasmtimeError):
            text = str(error)
        else:
            self._raised, text = error, "python exception"
        trap: int | None = c_api.error_new(text.encode().replace(b"\0", b"")).value
        return trap or 0

    def check(self, error: c_api.ErrorPtr) -> None:
        """Raise what ended a call: WasmtimeError, or what a callback raised."""
        if error:
            raised, self._raised = self._raised, None
            if raised is not None:
                c_api.error_delete(error)
                raise raised
            c_api.check(error)

    def close(self) -> None:
        """Delete the store, and the call that has paused in it; nothing when it is closed.

        Raises ReentrantCallError from inside a call.
        """
        if self.abandon is not None:
            abandon, self.abandon, self.running = self.abandon, None, False
            abandon()
        if self.running:
            raise ReentrantCallError("a store is not closed from inside a call")
        if self._pointer is not None:
            pointer, self._pointer, self._context = self._pointer, None, None
            c_api.store_delete(pointer)

    __del__ = close


_NUMBERS = itertools.count(1)
_STORES: WeakValueDictionary[int, Store] = WeakValueDictionary()


def _epoch_reached(context: Any, _data: Any, delta: Any, kind: Any) -> int:
    store = store_of(context)
    try:
        delta[0], pauses = store.epoch_reached()
        if pauses:
            kind[0] = c_api.PAUSE
        return 0 if delta[0] else store.failed(WasmtimeError(INTERRUPT))
    except BaseException as error:
        return store.failed(error)


_EPOCH_REACHED = c_api.EpochCallback(_epoch_reached)


def store_of(context: c_api.ContextPtr) -> Store:
    """The store that a callback is called in. It exists: a call in it runs."""
    return _STORES[c_api.context_get_data(context)]
