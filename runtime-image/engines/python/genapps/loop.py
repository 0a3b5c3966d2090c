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
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Never

from genapps.actions import Action, current
from genapps.calls import Call
from genapps.logs import log

_action: contextvars.ContextVar[Action] = contextvars.ContextVar("genapps-action")
TIMERS = 1000
"""Outstanding timers of one action."""
_ENDING_ROUNDS = 100
"""How often cancelled tasks may go on before nobody looks after them any more."""
_IN_PLACE = "an app runs inside an event loop already: write `await` in place of asyncio.run or run_until_complete"


class Timer(asyncio.TimerHandle):
    """A timer of the host; `call` is its number among the calls of its action."""

    __slots__ = ("call", "owner")

    owner: Action
    call: int


class Turns(asyncio.AbstractEventLoop):
    """The event loop. `step` is its only driver."""

    def __init__(self) -> None:
        self._ready: dict[Action, deque[asyncio.Handle]] = {}
        self._tasks: dict[Action, set[asyncio.Task[Any]]] = {}
        self._waiting: dict[Action, dict[str, asyncio.Future[Any] | Timer]] = {}
        self._wanted: list[Call] = []
        self._cancelled: list[int] = []
        self._woken: set[int] = set()
        self._on_exception: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None

    # What the engine calls.

    def begin(self, action: Action, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """The task of an action's handler."""
        self._ready[action] = deque()
        self._tasks[action] = set()
        self._waiting[action] = {}
        context = contextvars.copy_context()
        context.run(_action.set, action)
        return self.create_task(coroutine, context=context)

    def step(self, action: Action, results: dict[str, Any] | None) -> None:
        """Give an action the results of its calls, and run what can run of it."""
        waiting = self._waiting[action]
        for call, outcome in (results or {}).items():
            waiter = waiting.pop(call, None)
            if isinstance(waiter, Timer):
                self._ready[action].append(waiter)
            elif waiter is not None and not waiter.done():
                waiter.set_result(outcome)
        self._run(action)

    def wants(self, action: Action) -> tuple[list[Call], list[int], list[int]]:
        """What the host has to do: new calls, calls that nobody waits for any more, actions to wake."""
        wanted, self._wanted = self._wanted, []
        cancelled, self._cancelled = self._cancelled, []
        woken, self._woken = self._woken, set()
        return wanted, cancelled, sorted(woken - {action.id})

    def end(self, action: Action) -> int:
        """Cancel what the action has left running; returns how many tasks that were."""
        left = [task for task in self._tasks[action] if not task.done()]
        for task in left:
            task.cancel()
        for _ in range(_ENDING_ROUNDS):
            if not self._ready[action]:
                break
            self._run(action)
        del self._ready[action], self._tasks[action], self._waiting[action]
        self._wanted, self._cancelled = [], []
        return len(left)

    def call(self, call: Call) -> Generator[Any, Any, Any]:
        """The outcome of a call to the host; for `yield from`."""
        action = _action.get()
        future = self.create_future()
        self._waiting[action][str(call.id)] = future
        self._wanted.append(call)
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

    def _run(self, action: Action) -> None:
        ready = self._ready[action]
        asyncio._set_running_loop(self)  # noqa: SLF001  what every event loop does
        try:
            while ready:
                handle = ready.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

    # What asyncio calls.

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Run a callback in the next step of the action that it belongs to."""
        handle = asyncio.Handle(callback, args, self, context)
        owner = _owner(context)
        ready = self._ready.get(owner)
        if ready is not None:  # else its action has ended
            ready.append(handle)
            if owner is not current.action:
                self._woken.add(owner.id)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback after `delay` seconds: a timer of the host."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback at a time of this loop's clock."""
        handle = Timer(when, callback, args, self, context)
        handle.owner = _action.get(current.action)
        waiting = self._waiting[handle.owner]
        if len(waiting) >= TIMERS:
            raise RuntimeError(f"an action may wait for at most {TIMERS} timers and calls at once")
        call = Call("timer", {"millis": max(1, -int(-(when - self.time()) * 1000))})
        handle.call = call.id
        waiting[str(call.id)] = handle
        self._wanted.append(call)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        assert isinstance(handle, Timer)  # noqa: S101  all handles of `call_at` are
        self._give_up(handle.owner, handle.call)

    def _give_up(self, owner: Action, call: int) -> None:
        """Nobody waits for this call any more. The host is told in a turn of its action only: it knows it by number."""
        known = self._waiting.get(owner, {}).pop(str(call), None) is not None
        if known and owner is current.action:
            self._cancelled.append(call)

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
        tasks = self._tasks.get(owner)
        if tasks is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return task

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """There are no threads: run the function at once."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:
            future.set_exception(error)
        return future

    def run_until_complete(self, future: Any) -> Never:
        """Refused."""
        raise RuntimeError(_IN_PLACE)

    def run_forever(self) -> Never:
        """Refused."""
        raise RuntimeError(_IN_PLACE)

    def stop(self) -> None:
        """Nothing: the host decides when to run."""

    def close(self) -> None:
        """Nothing: the loop lives as long as the instance."""

    def is_running(self) -> bool:
        """Whether it runs: it does whenever anybody can ask."""
        return True

    def is_closed(self) -> bool:
        """Whether it is closed: never."""
        return False

    def get_debug(self) -> bool:
        """Whether asyncio's debug mode is on: never."""
        return False

    def set_debug(self, enabled: bool) -> None:
        """Nothing."""

    def set_exception_handler(self, handler: Any) -> None:
        """What to tell of exceptions that nobody asks for."""
        self._on_exception = handler

    def get_exception_handler(self) -> Any:
        """What `set_exception_handler` was given."""
        return self._on_exception

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Log it as a warning of the running action."""
        error = context.get("exception")
        told = f"{type(error).__name__}: {error}" if error is not None else ""
        log.warning(f"asyncio: {context.get('message')}", exception=told)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell of an exception that nobody asks for."""
        if self._on_exception is not None:
            self._on_exception(self, context)
        else:
            self.default_exception_handler(context)

    async def shutdown_asyncgens(self) -> None:
        """Nothing."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Nothing."""


def _owner(context: contextvars.Context | None) -> Action:
    """The action that a context belongs to; without one that of the running code."""
    return (context.get(_action) if context is not None else None) or _action.get(current.action)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _no_run(*_arguments: Any, **_options: Any) -> Never:
    raise RuntimeError(_IN_PLACE)


def install() -> None:
    """Give the instance its event loop; it stays for all actions."""
    if current.loop is None:
        current.loop = Turns()  # type: ignore[abstract]
        asyncio.run = _no_run
