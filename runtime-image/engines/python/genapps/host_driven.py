# SPDX-License-Identifier: Apache-2.0
"""What an event loop has beside its callbacks, where the host decides when it runs: it is refused, or does nothing."""

import asyncio
from collections.abc import Callable
from typing import Any, Never

from genapps.logs import log

IN_PLACE = "an app runs inside an event loop already: write `await` in place of asyncio.run or run_until_complete"


class HostDriven(asyncio.AbstractEventLoop):
    """An event loop that nobody can run, stop or close."""

    def __init__(self) -> None:
        self._on_exception: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None

    def run_until_complete(self, future: Any) -> Never:
        """Refused."""
        raise RuntimeError(IN_PLACE)

    def run_forever(self) -> Never:
        """Refused."""
        raise RuntimeError(IN_PLACE)

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
