# SPDX-License-Identifier: Apache-2.0
"""The app's guest: made at the start, and anew after a trap, a timeout or an invalid turn."""

from collections.abc import Callable

from genapps_runtime import logs
from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action import ActionContext
from genapps_runtime.termination import RefusedError


class Guests:
    """Makes guests with the app's code. One serves at a time; actions of an earlier one may still wait in it."""

    def __init__(self, language: Language, load_message: str, context: ActionContext, heartbeat: Heartbeat) -> None:
        """`load_message` is what `bundle.load_message` returns."""
        self._language = language
        self._load_message = load_message
        self._context = context
        self._heartbeat = heartbeat
        self._guest: Guest | None = None
        self.on_slow: Callable[[], None] | None = None
        """What a guest's long call runs meanwhile, see `Guest.on_slow`."""

    def load(self) -> list[str]:
        """Make the guest and load the code into it; returns the app's routes.

        Raises RefusedError when the code does not load.
        """
        config = self._context.config
        guest = Guest(self._language, self._heartbeat, config.limits.guest_memory_bytes)
        log = logs.ActionLog(config.limits.log_bytes_per_action)
        try:
            routes = guest.load(self._load_message, config.load_millis / 1000, log.add)
        finally:
            if log.records:
                self._context.log.write("load", app=config.app, namespace=config.namespace, **log.fields())
        guest.on_slow = self.on_slow
        self._guest = guest
        self._context.metrics.guest_started()
        return routes

    def current(self) -> Guest:
        """The guest that serves, made anew if it was dropped. Raises ProblemError when the code does not load again."""
        if self._guest is None or self._guest.dropped:
            try:
                self.load()
            except RefusedError as refused:
                raise ProblemError("AppUnavailable", refused.message) from None
        assert self._guest is not None  # noqa: S101  load() has set it
        return self._guest

    def close(self) -> None:
        """Drop the guest."""
        if self._guest is not None:
            self._guest.drop()
