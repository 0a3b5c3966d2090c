# SPDX-License-Identifier: Apache-2.0
"""The app's guests: one that serves, and more while it computes, up to the tier's `instances`.

A guest serves one tenant. No other code than the app's own has run in it before, and no request. An app of high risk
gets a guest for each action: it is dropped when the action has ended.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.heartbeat import Heartbeat
from genapps_runtime.logs import ActionLog
from genapps_runtime.problems import ProblemError
from genapps_runtime.serve.action_context import ActionContext
from genapps_runtime.serve.loading import LoadSql
from genapps_runtime.serve.memory_databases import MemoryDatabases
from genapps_runtime.termination import Reason, RefusedError


@dataclass(slots=True, eq=False)
class _Held:
    """A guest and whose it is.

    `loading` is the log of its load until that is done, `sql` what it does by SQL. `spent`: it has got the one action
    that it was made for.
    """

    tenant: str
    guest: Guest
    loading: ActionLog | None
    sql: LoadSql
    spent: bool = False


class Guests:
    """Makes guests with the app's code, anew after a trap, a timeout or an invalid turn."""

    def __init__(
        self, language: Language, load_message: str, context: ActionContext, heartbeat: Heartbeat, *, fresh: bool
    ) -> None:
        """`load_message` is what `bundle.load_message` returns. `fresh` gives a guest to one action only."""
        self.fresh = fresh
        self._language = language
        self._load_message = load_message
        self._context = context
        self._heartbeat = heartbeat
        self._most = context.config.limits.instances
        # A request of the background computes for minutes: those who ask how far it is must be answered meanwhile.
        self._pausing = self._most > 1 or context.config.background
        self._live: list[_Held] = []
        """Dropped ones may be among them. The one that began to serve last is at the end."""
        self._latest: _Held | None = None
        """The one at the end."""
        self.in_use: Callable[[Guest], bool] = _unused
        """Whether an action is in a guest: then it is not dropped for another tenant."""
        self.on_slow: Callable[[], None] | None = None
        """What a guest's long call that does not pause runs meanwhile, see `Guest.on_slow`."""
        self.processor_left: Callable[[], float] | None = None
        """What the action that runs may still use of the processor, see `Store.processor_left`."""
        self.on_free: Callable[[str], None] = _nothing
        """Called with the tenant when a load has held its facet and lets go of it."""

    def load(self, tenant: str) -> list[str]:
        """Make a guest and load the code into it, however long that takes; returns the app's routes.

        Raises RefusedError when the code does not load.
        """
        held = self._make(tenant)
        while held.loading is not None:
            self._step(held, held.guest.go_on_loading)
        return held.guest.routes

    def current(self, tenant: str) -> Guest | None:
        """The guest for the tenant's next action; None when it has to wait for one.

        A guest that was just made may be `computing`, because its code loads: `go_on_loading` follows. Raises
        ProblemError when the code does not load.
        """
        latest = self._latest
        if latest is not None and latest.tenant == tenant and not self.fresh:
            guest = latest.guest
            if not guest.dropped and not guest.computing:
                return guest
        self._live = [held for held in self._live if not held.guest.dropped]
        own = [held for held in self._live if held.tenant == tenant]
        for held in reversed(own):
            if not held.guest.computing and not held.spent:
                return self._serve(held)
        if any(held.loading for held in own) or (len(self._live) >= self._most and not self._drop_other(tenant)):
            return None
        try:
            return self._serve(self._make(tenant))
        except RefusedError as refused:
            raise ProblemError("AppUnavailable", refused.message) from None

    def go_on_loading(self, guest: Guest) -> None:
        """Let the load go on. It is done when the guest does not compute any more.

        Raises ProblemError when the code does not load.
        """
        held = next(held for held in self._live if held.guest is guest)
        try:
            self._step(held, guest.go_on_loading)
        except RefusedError as refused:
            raise ProblemError("AppUnavailable", refused.message) from None

    def drop_idle(self, in_use: Callable[[Guest], bool]) -> bool:
        """Drop the guest that has not served for longest, if no action is in it; the one that serves stays.

        Returns whether there is more than one left.
        """
        self._live = [held for held in self._live if not held.guest.dropped]
        for held in self._live[:-1]:
            if not held.guest.computing and not in_use(held.guest):
                held.guest.drop()
                self._live.remove(held)
                break
        return len(self._live) > 1

    def _drop_other(self, tenant: str) -> bool:
        """Drop the guest of another tenant that has not served for longest, if no action is in it."""
        for held in self._live:
            if held.tenant != tenant and not held.guest.computing and not self.in_use(held.guest):
                held.guest.drop()
                self._live.remove(held)
                return True
        return False

    def keep_only(self, tenants: Collection[str]) -> None:
        """Drop the guests of all other tenants, none of which an action is in: they remember what was deleted."""
        for held in self._live:
            if held.tenant not in tenants:
                held.guest.drop()

    def close(self) -> None:
        """Drop all."""
        for held in self._live:
            held.guest.drop()
            held.sql.undo()

    def _make(self, tenant: str) -> _Held:
        """A guest that begins to load. Raises RefusedError."""
        limits = self._context.config.limits
        databases = MemoryDatabases(self._most)
        guest = Guest(self._language, self._heartbeat, limits.guest_memory_bytes, databases, pausing=self._pausing)
        log = ActionLog(limits.log_bytes_per_action)
        sql = LoadSql(self._context.facets.get(tenant), partial(self.on_free, tenant))
        held = _Held(tenant, guest, log, sql)
        self._live.append(held)
        seconds = self._context.config.load_millis / 1000
        self._step(held, lambda: guest.begin_loading(self._load_message, seconds, log.add, sql.answer))
        return held

    def _step(self, held: _Held, step: Callable[[], None]) -> None:
        """A step of the load; what the app has logged is written when it ends, whichever way.

        Raises RefusedError.
        """
        guest, log, config = held.guest, held.loading, self._context.config
        assert log is not None  # noqa: S101  it loads
        try:
            step()
            if guest.computing:
                held.sql.check_time()
            else:
                held.sql.store()
        except BaseException:
            held.sql.undo()
            _check_sql(held)
            raise
        else:
            _check_sql(held)
        finally:
            if not guest.computing:
                held.loading = None
                if log.records:
                    self._context.log.write("load", app=config.app, namespace=config.namespace, **log.fields())
        if held.loading is None:
            guest.on_slow, guest.processor_left = self.on_slow, self.processor_left
            self._context.metrics.guest_started()

    def _serve(self, held: _Held) -> Guest:
        held.spent = self.fresh and held.loading is None
        self._live.remove(held)
        self._live.append(held)
        self._latest = held
        return held.guest


def _check_sql(held: _Held) -> None:
    """Drop a guest whose code could not do by SQL what it wanted to, whatever it says. Raises RefusedError."""
    if held.sql.problem and not held.guest.computing:
        held.guest.drop()
        raise RefusedError(Reason.STATE_UNAVAILABLE, f"the code does not load: {held.sql.problem}")


def _unused(_guest: Guest) -> bool:
    return False


def _nothing(_tenant: str) -> None:
    """Nobody waits for the facet."""
