# SPDX-License-Identifier: Apache-2.0
"""The first process of the pod: it starts the worker, kills it when it hangs, and starts it again after a nap.

The epoch deadline ends a guest that runs too long. It cannot end a host call that hangs (a disk, a bug in
wasmtime). Then the worker's loop is blocked, and only another process can notice that in the shared page and act.

An app that nobody calls naps: its worker ends, and with it nearly all of the pod's memory. The listening sockets belong
to this process, so a connection waits in their queue until a new worker takes it. Meanwhile a short-lived child
repeats the proof of the fence. Standard library only, a few MiB.
"""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable

from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.listening import Ports, inherited_socket, listening_socket, local_socket
from genapps_runtime.settings import Settings
from genapps_runtime.supervisor.health import UNAVAILABLE, HealthPort
from genapps_runtime.termination import EXIT_NAP, EXIT_REFUSED

GRACE_SECONDS = 1.0
"""How long after its deadline a guest call may still hold the loop."""
LOOP_SECONDS = 5.0
"""How long the loop may be silent outside of guest calls."""
START_SECONDS = 30.0
"""How long a child may take to its first beat; a busy node is slow."""
WAKE_SECONDS = 5.0
"""How long an app that wakes up counts as ready; it takes a third of a second."""
LOOK_SECONDS = 0.25
REST_SECONDS = 1.0
"""How often to look while there is no child to watch."""
HURRY_SECONDS = 0.01
DEATHS = 20
DEATHS_WINDOW_SECONDS = 60.0
_FORWARDED = (signal.SIGTERM, signal.SIGINT)

Worker = Callable[[Heartbeat, Ports], int]
Prover = Callable[[Heartbeat], int]


class Supervisor:
    """Runs until it is told to stop, a child refuses its work, or children have died too often.

    `worker` serves the app on the listening sockets; it returns EXIT_NAP when nobody needs it for now. `prover` proves
    the fence once, and is called in a process of its own while the app naps. Raises OSError when a port is taken.
    """

    def __init__(self, settings: Settings, worker: Worker, prover: Prover) -> None:
        self._settings = settings
        self._worker = worker
        self._prover = prover
        self._heartbeat = Heartbeat()
        self._selector = selectors.PollSelector()  # not epoll, whose registrations a forked child would share
        self._wake_fd, self._woken_fd = socket.socketpair()
        self._stopping = False
        self._deaths: list[float] = []
        self._pid = 0
        """The one child; 0: none."""
        self._napping = False
        """There is no worker; the child, if there is one, proves the fence."""
        self._ports = Ports(_app_socket(settings), local_socket(settings.state_socket))
        self._health = HealthPort(self._selector, settings.address, settings.health_port, self._answer)

    def run(self) -> int:
        """Start the worker and watch it. Returns the exit code of the pod's process."""
        self._wake_fd.setblocking(False)
        self._woken_fd.setblocking(False)
        self._selector.register(self._woken_fd, selectors.EVENT_READ, lambda woken: woken.recv(64))
        signal.set_wakeup_fd(self._wake_fd.fileno(), warn_on_full_buffer=False)
        for number in (*_FORWARDED, signal.SIGCHLD):
            signal.signal(number, self._on_signal)
        self._start_worker()
        while True:
            for key, _ in self._selector.select(self._look_seconds()):
                key.data(key.fileobj)
            self._health.expire()
            code = self._reap()
            if self._stopping:
                self._close_ports()
                code = 0 if self._pid == 0 else code
            if code is not None:
                return code
            if self._pid:
                self._end_when_stuck()
            elif time.monotonic() >= self._proof_due():
                self._fork(self._prove)
            if self._napping and 0 < self._heartbeat.due_ns <= time.time_ns():
                self._wake(self._ports.app)

    def _look_seconds(self) -> float:
        """How long to wait for something to happen."""
        if self._health.holding:
            return HURRY_SECONDS
        if self._pid:
            return LOOK_SECONDS
        return max(0.0, min(REST_SECONDS, self._proof_due() - time.monotonic()))

    # Children.

    def _start_worker(self) -> None:
        self._heartbeat.ready = False
        self._heartbeat.woken_ns = 0
        self._fork(self._work)

    def _work(self) -> int:
        return self._worker(self._heartbeat, self._ports)

    def _prove(self) -> int:
        self._ports.close()
        return self._prover(self._heartbeat)

    def _fork(self, work: Callable[[], int]) -> None:
        self._heartbeat.expect(START_SECONDS)
        signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)  # until each of the two has its own way to end
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                _end_with_parent()
                signal.set_wakeup_fd(-1)
                for number in (*_FORWARDED, signal.SIGCHLD):
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
                self._health.close_all()
                self._selector.close()
                self._wake_fd.close()
                self._woken_fd.close()
                code = work()
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stdout.flush()
                os._exit(code)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        if self._stopping:
            self._kill(signal.SIGTERM)  # the order came before there was a child

    def _reap(self) -> int | None:
        """Collect ended children (process 1 gets those of others too); returns an exit code when the pod should end."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1 if self._pid else None
            if pid == 0:
                return None
            if pid == self._pid:
                code = self._on_end(os.waitstatus_to_exitcode(status))
                if code is not None:
                    return code

    def _on_end(self, code: int) -> int | None:
        self._pid = 0
        if self._stopping:
            return 0
        if code == EXIT_REFUSED:
            return code
        if self._napping:
            return None if code == 0 else self._on_death("prover", code)
        if code == EXIT_NAP:
            self._nap()
            return None
        return self._on_death("worker", code)

    def _on_death(self, who: str, code: int) -> int | None:
        now = time.monotonic()
        _log(f"{who} ended", exitCode=code)
        self._deaths = [at for at in self._deaths if now - at < DEATHS_WINDOW_SECONDS] + [now]
        if len(self._deaths) >= DEATHS:
            return 1
        if not self._napping:
            self._start_worker()
        return None

    def _end_when_stuck(self) -> None:
        what, late = self._heartbeat.overdue_seconds(time.monotonic_ns())
        if late > (GRACE_SECONDS if what == "guest" else LOOP_SECONDS):
            who = "prover" if self._napping else "worker"
            _log(f"{who} is stuck, killing it", in_=what, secondsLate=round(late, 2))
            self._kill(signal.SIGKILL)
            self._heartbeat.expect(START_SECONDS)

    def _kill(self, number: int) -> None:
        """Send the child a signal, if there is one."""
        if self._pid:
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                return  # collected a moment ago

    # Naps.

    def _nap(self) -> None:
        """The worker has ended because nobody calls the app. Whoever has connected since then wakes it at once."""
        self._napping = True
        for port in (self._ports.app, self._ports.state):
            self._selector.register(port, selectors.EVENT_READ, self._wake)

    def _wake(self, _port: socket.socket) -> None:
        """A connection waits. The app stays ready, unless it has ceased to be while it napped."""
        if self._stopping:
            return
        ready, self._napping = self._ready(), False
        self._watch_no_port()
        self._kill(signal.SIGKILL)  # of the fence: the worker goes on with that
        if not ready:
            self._start_worker()
            return
        self._heartbeat.woken_ns = time.monotonic_ns()
        self._fork(self._work)

    def _proof_due(self) -> float:
        """When to prove the fence again, in seconds of the monotonic clock."""
        return self._heartbeat.proven_ns / 1e9 + self._settings.fence_interval_seconds

    def _ready(self) -> bool:
        now, heartbeat = time.monotonic_ns(), self._heartbeat
        if self._napping and now - heartbeat.proven_ns > self._settings.fence_proof_seconds * 1e9:
            return False
        if heartbeat.woken_ns and now - heartbeat.woken_ns > WAKE_SECONDS * 1e9:
            return False
        return heartbeat.ready

    # What comes from outside.

    def _on_signal(self, number: int, _frame: object) -> None:
        if number in _FORWARDED:
            self._stopping = True
            self._health.patient = False
            self._kill(number)

    def _watch_no_port(self) -> None:
        for port in (self._ports.app, self._ports.state):
            self._selector.unregister(port)

    def _close_ports(self) -> None:
        """Who connects from now on is refused, as soon as the worker has closed the ports too."""
        if self._ports.app.fileno() < 0:
            return
        if self._napping:
            self._watch_no_port()
        self._ports.close()

    def _answer(self, path: str) -> tuple[int, bytes]:
        if path == "/livez":
            return 200, b"ok\n"
        if path == "/readyz":
            return (200, b"ok\n") if self._ready() else (UNAVAILABLE, b"not ready\n")
        if path == "/metrics":
            return 200, self._heartbeat.published()
        return 404, b"/livez, /readyz or /metrics\n"


def _app_socket(settings: Settings) -> socket.socket:
    if settings.app_socket >= 0:
        return inherited_socket(settings.app_socket)
    return listening_socket(settings.address, settings.app_port)


def _end_with_parent() -> None:
    """Called in a child: the kernel kills it when the supervisor ends. (In a pod this is process 1.)"""
    import ctypes  # in the child, where wasmtime brings it anyway

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _log(event: str, **fields: object) -> None:
    import json  # only when it is needed: this process stays small

    print(json.dumps({"event": event, "level": "error", **fields}), flush=True)  # noqa: T201  the log
