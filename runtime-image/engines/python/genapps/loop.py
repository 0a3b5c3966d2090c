# SPDX-License-Identifier: Apache-2.0
"""asyncio for apps that import it: an event loop over turns, as Pyodide's is over the browser's.

One loop serves all actions of the instance, and runs only while the host runs one of them. A callback belongs to the
action in whose context it was scheduled, and waits for that action's step. So what one action does to a lock or a
queue can wake another: its number goes to the host in the turn.
"""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Never

from genapps.actions import Action, current
from genapps.calls import Call
from genapps.host_driven import IN_PLACE, HostDriven

_action: contextvars.ContextVar[Action] = contextvars.ContextVar("genapps-action")
TIMERS = 1000
"""Outstanding timers of one action."""
_ENDING_STEPS = 1000
"""How many callbacks still run when the handler has answered, and again when its tasks are cancelled."""


class Callback(asyncio.Handle):
    """A handle of asyncio, made without asking the loop for its debug mode."""

    __slots__ = ()

    def __init__(
        self,
        callback: Any,
        args: Any,
        loop: asyncio.AbstractEventLoop,
        context: contextvars.Context | None,
    ) -> None:
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class Timer(asyncio.TimerHandle):
    """A timer of the host; `call` is its number among the calls of its action."""

    __slots__ = ("call", "owner")

    owner: Action
    call: int


class Turns(HostDriven):
    """The event loop. `step` is its only driver."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted: list[Call] = []
        self._cancelled: list[int] = []
        self._woken: set[int] = set()

    # What the engine calls.

    def begin(self, action: Action, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run an action's handler as its task, until it waits."""
        action.ready, action.tasks, action.waiting = deque(), set(), {}
        self.go_on(action, coroutine)

    def go_on(self, action: Action, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine as the action's task, until it waits. Other tasks that the action has go on beside it."""
        context = contextvars.copy_context()
        context.run(_action.set, action)
        asyncio._set_running_loop(self)  # noqa: SLF001  what every event loop does
        try:
            action.task = asyncio.Task(coroutine, loop=self, context=context, eager_start=True)  # type: ignore[call-arg]
            self._run(action)
        except (SystemExit, KeyboardInterrupt) as error:  # the task that raised it at its start
            action.task = self.create_future()
            action.task.set_exception(error)
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

    def step(self, action: Action, results: dict[str, Any] | None) -> None:
        """Give an action the results of its calls, and run what can run of it."""
        waiting = action.waiting
        asyncio._set_running_loop(self)  # noqa: SLF001
        try:
            for call, outcome in (results or {}).items():
                waiter = waiting.pop(call, None)
                if isinstance(waiter, Timer):
                    action.ready.append(waiter)
                elif waiter is not None and not waiter.done():
                    waiter.set_result(outcome)
            self._run(action)
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

    def wants(self, action: Action) -> tuple[list[Call], list[int], list[int]]:
        """What the host has to do: new calls, calls that nobody waits for any more, actions to wake."""
        wanted, cancelled = self._wanted, self._cancelled
        if wanted:
            self._wanted = []
        if cancelled:
            self._cancelled = []
        return wanted, cancelled, self.woken(action) if self._woken else []

    def woken(self, action: Action) -> list[int]:
        """The other actions that can go on."""
        woken, self._woken = self._woken, set()
        return sorted(woken - {action.id})

    def end(self, action: Action) -> int:
        """Cancel what the action has left running; returns how many tasks that were."""
        left = [task for task in (action.task, *action.tasks) if not task.done()]
        for task in left:
            task.cancel()
        if action.ready:
            self._wind_up(action)
        action.ready = action.tasks = action.waiting = None
        self._wanted, self._cancelled = [], []
        return len(left)

    def _wind_up(self, action: Action) -> None:
        """Let cancelled tasks run their clean-up."""
        asyncio._set_running_loop(self)  # noqa: SLF001
        try:
            self._run(action)
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

    def call(self, call: Call) -> Generator[Any, Any, Any]:
        """The outcome of a call to the host; for `yield from`."""
        action = _action.get()
        future = self.create_future()
        self._want(action, call, future)
        try:
            return (yield from future)
        finally:
            self._give_up(action, call.id)

    async def gather(self, awaitables: tuple[Awaitable[Any], ...]) -> list[Any]:
        """The results in order; the first error ends all of them."""
        tasks = [self.create_task(_awaited(awaitable)) for awaitable in awaitables]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def sleep(self, delay: float) -> None:
        """Wait for a timer of the host. `delay` is in seconds, and more than 0."""
        action = _action.get()
        call = Call("timer", {"millis": max(1, -int(-delay * 1000))})
        future = self.create_future()
        self._want(action, call, future)
        try:
            await future
        finally:
            self._give_up(action, call.id)

    def _want(self, action: Action, call: Call, waiter: "asyncio.Future[Any] | Timer") -> None:
        if call.kind == "timer" and len(action.waiting) >= TIMERS:
            raise RuntimeError(f"an action may wait for at most {TIMERS} timers and calls at once")
        action.waiting[str(call.id)] = waiter
        self._wanted.append(call)

    def _run(self, action: Action) -> None:
        """Run what is ready and becomes so."""
        ready, answered, left = action.ready, action.task.done, _ENDING_STEPS
        while ready and left:
            left -= answered()
            handle = ready.popleft()
            if not handle.cancelled():
                try:
                    handle._run()  # noqa: SLF001
                except (SystemExit, KeyboardInterrupt):
                    continue  # asyncio tells its loop to end; the task that did it has failed

    # What asyncio calls.

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Run a callback in the next step of the action that it belongs to."""
        handle = Callback(callback, args, self, context)
        owner = _owner(context)
        if owner.ready is not None:  # else its action has ended
            owner.ready.append(handle)
            if owner is not current.action:
                self._woken.add(owner.id)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback after `delay` seconds: a timer of the host."""
        return self._call_in(delay, self.time() + delay, callback, args, context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback at a time of this loop's clock."""
        return self._call_in(when - self.time(), when, callback, args, context)

    def _call_in(
        self, delay: float, when: float, callback: Any, args: Any, context: contextvars.Context | None
    ) -> asyncio.TimerHandle:
        handle = Timer(when, callback, args, self, context)
        handle.owner = owner = _action.get(current.action)
        call = Call("timer", {"millis": max(1, -int(-delay * 1000))})
        handle.call = call.id
        self._want(owner, call, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        assert isinstance(handle, Timer)  # noqa: S101  all handles of `call_at` are
        self._give_up(handle.owner, handle.call)

    def _give_up(self, owner: Action, call: int) -> None:
        """Nobody waits for this call any more. The host is told in a turn of its action only: it knows it by number.

        What the host has not been asked for yet, it is not asked for.
        """
        waiting = owner.waiting
        if waiting is None or waiting.pop(str(call), None) is None or owner is not current.action:
            return
        wanted = [one for one in self._wanted if one.id != call]
        if len(wanted) == len(self._wanted):
            self._cancelled.append(call)
        self._wanted = wanted

    def time(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """A task of the action that runs."""
        context = options.get("context")
        task = asyncio.Task(coro, loop=self, **options)
        owner = _owner(context)
        if owner.tasks is not None:
            owner.tasks.add(task)
            task.add_done_callback(owner.tasks.discard)
        return task

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """There are no threads: run the function at once."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:
            future.set_exception(error)
        return future


def _owner(context: contextvars.Context | None) -> Action:
    """The action that a context belongs to; without one that of the running code."""
    return (context.get(_action) if context is not None else None) or _action.get(current.action)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _no_run(*_arguments: Any, **_options: Any) -> Never:
    raise RuntimeError(IN_PLACE)


async def sleep(delay: float, result: Any = None) -> Any:
    """What `asyncio.sleep` does: the most frequent timer needs no handle. Raises ValueError for NaN."""
    if delay <= 0:
        await _pass()
        return result
    if delay != delay:
        raise ValueError("Invalid delay: NaN (not a number)")
    await asyncio.get_running_loop().sleep(delay)  # type: ignore[attr-defined]
    return result


_pass = asyncio.tasks.__sleep0  # type: ignore[attr-defined]  # noqa: SLF001  one step of the loop
asyncio.sleep = asyncio.tasks.sleep = sleep


def install() -> None:
    """Give the instance its event loop; it stays for all actions."""
    if current.loop is None:
        current.loop = Turns()  # type: ignore[abstract]
        asyncio.run = _no_run
