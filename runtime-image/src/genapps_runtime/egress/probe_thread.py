# SPDX-License-Identifier: Apache-2.0
"""The probe beside a worker's loop: a guest that computes cannot keep it from its turn."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.probe import FenceProbe
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.settings import Settings


class ProbeThread:
    """Keeps the fence proven, until the process ends. `probe` says how it stands.

    `ended` has the error that ends it: RefusedError (EgressOpen), or one of ours.
    """

    def __init__(self, settings: Settings, config: RuntimeConfig, heartbeat: Heartbeat) -> None:
        """Made on the loop; the thread begins at once."""
        self.probe = FenceProbe(settings, config, heartbeat, lambda: self._tell(self._probed.set))
        self._loop = asyncio.get_running_loop()
        self._probed = asyncio.Event()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._run, name="probe", daemon=True).start()

    async def until_recent(self) -> None:
        """Return when there is a proof on which guest code may run."""
        while not self.probe.recent():
            self._probed.clear()
            await self._probed.wait()

    def _run(self) -> None:
        try:
            if not self.probe.recent():
                self.probe.prove()
            self.probe.watch()
        except Exception as error:
            self._tell(self._end, error)

    def _tell(self, told: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and the process is about to
            self._loop.call_soon_threadsafe(told, *arguments)

    def _end(self, error: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)
