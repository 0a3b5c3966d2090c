# SPDX-License-Identifier: Apache-2.0
"""The first process of the pod: it starts the worker, and kills it when it hangs. Standard library only, a few MiB.

The epoch deadline ends a guest that runs too long. It cannot end a host call that hangs (a disk, a bug in
wasmtime). Then the worker's loop is blocked, and only another process can notice that in the shared page and act.
"""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable

from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.settings import Settings
from genapps_runtime.supervisor.health import UNAVAILABLE, HealthPort
from genapps_runtime.termination import EXIT_REFUSED

GRACE_SECONDS = 1.0
"""How long after its deadline a guest call may still hold the loop."""
LOOP_SECONDS = 5.0
"""How long the loop may be silent outside of guest calls."""
START_SECONDS = 30.0
"""How long a worker may take to its first beat; a busy node is slow."""
LOOK_SECONDS = 0.25
HURRY_SECONDS = 0.01
RESTARTS = 20
RESTART_WINDOW_SECONDS = 60.0
_FORWARDED = (signal.SIGTERM, signal.SIGINT)

Worker = Callable[[Heartbeat], int]


class Supervisor:
    """Runs until it is told to stop, the worker refuses its work, or the worker has died too often."""

    def __init__(self, settings: Settings, worker: Worker) -> None:
        self._worker = worker
        self._heartbeat = Heartbeat()
        self._selector = selectors.PollSelector()  # not epoll, whose registrations a forked child would share
        self._wake, self._woken = socket.socketpair()
        self._stopping = False
        self._starts: list[float] = []
        self._pid = 0
        self._health = HealthPort(self._selector, settings.address, settings.health_port, self._answer)

    def run(self) -> int:
        """Start the worker and watch it. Returns the exit code of the pod's process."""
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, lambda woken: woken.recv(64))
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in (*_FORWARDED, signal.SIGCHLD):
            signal.signal(number, self._on_signal)
        self._start()
        while True:
            for key, _ in self._selector.select(HURRY_SECONDS if self._health.holding else LOOK_SECONDS):
                key.data(key.fileobj)
            self._health.expire()
            code = self._reap()
            if code is not None:
                return code
            self._end_when_stuck()

    def _start(self) -> None:
        self._starts = [at for at in self._starts if time.monotonic() - at < RESTART_WINDOW_SECONDS]
        self._starts.append(time.monotonic())
        self._heartbeat.reset(START_SECONDS)
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                _end_with_parent()
                signal.set_wakeup_fd(-1)
                for number in (*_FORWARDED, signal.SIGCHLD):
                    signal.signal(number, signal.SIG_DFL)
                self._health.close_all()
                self._selector.close()
                self._wake.close()
                self._woken.close()
                code = self._worker(self._heartbeat)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stdout.flush()
                os._exit(code)

    def _reap(self) -> int | None:
        """Collect ended children (process 1 gets those of others too); returns an exit code when the pod should end."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1
            if pid == 0:
                return None
            if pid == self._pid:
                code = self._on_worker_end(os.waitstatus_to_exitcode(status))
                if code is not None:
                    return code

    def _on_worker_end(self, code: int) -> int | None:
        if self._stopping:
            return 0
        if code == EXIT_REFUSED:
            return code
        _log("worker ended", exitCode=code)
        if len(self._starts) >= RESTARTS:
            return 1
        self._start()
        return None

    def _end_when_stuck(self) -> None:
        what, late = self._heartbeat.overdue_seconds(time.monotonic_ns())
        if late > (GRACE_SECONDS if what == "guest" else LOOP_SECONDS):
            _log("worker is stuck, killing it", in_=what, secondsLate=round(late, 2))
            os.kill(self._pid, signal.SIGKILL)
            self._heartbeat.reset(START_SECONDS)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number in _FORWARDED:
            self._stopping = True
            self._health.patient = False
            os.kill(self._pid, number)

    def _answer(self, path: str) -> tuple[int, bytes]:
        if path == "/livez":
            return 200, b"ok\n"
        if path == "/readyz":
            return (200, b"ok\n") if self._heartbeat.ready else (UNAVAILABLE, b"not ready\n")
        if path == "/metrics":
            return 200, self._heartbeat.published()
        return 404, b"/livez, /readyz or /metrics\n"


def _end_with_parent() -> None:
    """Called in the worker: the kernel kills it when the supervisor ends. (In a pod this is process 1.)"""
    import ctypes  # in the child, where wasmtime brings it anyway

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _log(event: str, **fields: object) -> None:
    import json  # only when it is needed: this process stays small

    print(json.dumps({"event": event, "level": "error", **fields}), flush=True)  # noqa: T201  the log
