# SPDX-License-Identifier: Apache-2.0
"""Locks, threads and pools where there is one thread: nothing can wait for another, and says so at once."""

import concurrent.futures
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Never

_NO_THREADS = "apps have no threads: call the function itself"
_FOR_EVER = (
    "this would wait forever: apps have no threads, and the lock is held by this request or by one that waits for "
    "its calls. Keep what requests share with state.put"
)


class Lock:
    """As `threading.Lock`. Acquiring it twice raises RuntimeError where CPython would wait forever."""

    __slots__ = ("__weakref__", "_held")

    def __init__(self) -> None:
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it. False where it is held and waiting was bounded."""
        if not self._held:
            self._held = True
            return True
        if blocking and timeout < 0:
            raise RuntimeError(_FOR_EVER)
        return False

    def release(self) -> None:
        """Give it back. Raises RuntimeError when it is not held."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False

    def locked(self) -> bool:
        """Whether it is held."""
        return self._held

    def _at_fork_reinit(self) -> None:
        self._held = False

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<{'locked' if self._held else 'unlocked'} Lock>"


def no_thread(*_: Any, **__: Any) -> Never:
    """For `Thread.start`."""
    raise RuntimeError(_NO_THREADS)


class ThreadPoolExecutor(concurrent.futures.Executor):
    """As that of `concurrent.futures`, but `submit` runs the function before it returns."""

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., Any] | None = None,
        initargs: tuple[Any, ...] = (),
        **_: Any,
    ) -> None:
        """`initializer` runs once, here."""
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self._max_workers = max_workers or 1
        self._shut = False
        if initializer is not None:
            initializer(*initargs)

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it; the future is done."""
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more."""
        self._shut = True


class ProcessPoolExecutor(concurrent.futures.Executor):
    """It cannot be made."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Raise RuntimeError."""
        raise RuntimeError("apps have no processes: ThreadPoolExecutor runs what it gets at once, in place")


def install(replace: Callable[[Any, Any], None]) -> None:
    """Put these in place of Python's; `replace` does so wherever a module holds the old one."""
    import _thread
    import concurrent.futures.thread as pools

    replace(_thread.allocate_lock, Lock)
    replace(_thread.lock, Lock)  # type: ignore[attr-defined]
    replace(queue.SimpleQueue, queue._PySimpleQueue)  # type: ignore[attr-defined]  # noqa: SLF001
    threading.Thread.start = no_thread  # type: ignore[method-assign]
    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        replace(getattr(_thread, name), no_thread)
    replace(pools.ThreadPoolExecutor, ThreadPoolExecutor)
    concurrent.futures.ThreadPoolExecutor = ThreadPoolExecutor  # type: ignore[assignment,misc]
    concurrent.futures.ProcessPoolExecutor = ProcessPoolExecutor  # type: ignore[assignment,misc]
