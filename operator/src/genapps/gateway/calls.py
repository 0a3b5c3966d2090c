# SPDX-License-Identifier: Apache-2.0
"""One admitted call: from the request to the connector to its checked result, with a line before and after it.

Whatever ends a call, its end is written down: `call_attempted` alone in a log means that the process ended meanwhile.
Arguments and results are in no line, only their digests.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from genapps.api import digests
from genapps.cluster import clocks
from genapps.core.budgets.cost import Tokens
from genapps.gateway.budgets.payments import Payment, Payments
from genapps.gateway.connectors.exchange import CallFailedError, Health, Prepared, Spent, out_of_time
from genapps.gateway.connectors.exchanger import Answered, Exchanger
from genapps.gateway.connectors.streams import StreamedTool
from genapps.gateway.connectors.times import Allowed, Times
from genapps.gateway.decision import Admit
from genapps.gateway.limits.permits import Permit, Permits
from genapps.gateway.limits.read_cache import ReadCache, ReadKey, Reusable
from genapps.gateway.limits.retry_budget import RetryBudget
from genapps.gateway.metrics import Metrics
from genapps.gateway.problems import Code, Problem

_RETRY_SECONDS = (0.05, 0.15)
"""How long to wait before a call is tried again, at random between the two."""

_MAY_HAVE_BEEN_MADE = (Code.OUTCOME_UNKNOWN, Code.RESULT_INVALID)
"""Any other problem says that nothing was done."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A call that was made: the result, as JSON, and what the app may be told of it."""

    result: bytes
    effect: str


@dataclass(slots=True)
class Tally:
    """What was seen of one connector since the process began."""

    calls: int = 0
    errors: int = 0


Passed = tuple[bytes, ...] | Problem
"""Of an answer that is passed on while it comes: pieces as JSON, or why no more come."""


class Calls:
    """Makes calls that were admitted; `clock` is monotonic seconds."""

    def __init__(
        self,
        exchanger: Exchanger,
        permits: Permits,
        payments: Payments,
        metrics: Metrics,
        clock: Callable[[], float] = clocks.monotonic,
    ) -> None:
        self._exchanger = exchanger
        self._permits = permits
        self._payments = payments
        self._metrics = metrics
        self._clock = clock
        self._retries = RetryBudget()
        self.tallies: defaultdict[str, Tally] = defaultdict(Tally)
        """By connector, of those that were called."""
        self._cache = ReadCache(clock=clock)

    async def make(self, admitted: Admit, about: dict[str, str], left: float = math.inf) -> Made | Problem:
        """The result, or why there is none. `about` are fields of the log's lines that say whose call it is, `left` are
        the seconds that its action has left."""
        tool, connector = admitted.tool, admitted.offer.name
        key = self._read_key(admitted, _digest(admitted.call.arguments))
        line = _line(admitted, key, about)
        if left <= 0:
            return self._refused(out_of_time(connector).problem, connector, line)
        ends = self._clock() + left
        payment = self._payments.begin(admitted)
        if isinstance(payment, Problem):
            return self._refused(payment, connector, line)
        reused = self._cache.get(key, tool.cache_seconds) if tool.cache_seconds else None
        if reused is not None:
            self._metrics.calls.labels(connector, "reused").inc()
            payment.reused(reused.micros)
            line.info("call_ended", code="reused", result_bytes=len(reused.result))
            return Made(reused.result, tool.effect)
        try:
            prepared = tool.binding.prepare(connector, admitted.call)
        except CallFailedError as failed:
            return self._refused(failed.problem, connector, line)
        permit = await self._entered(admitted, payment, prepared.most, line)
        if isinstance(permit, Problem):
            return permit
        started, code, health, answered = self._clock(), "Cancelled", Health.UNKNOWN, Answered(b"", None)
        try:
            answered = await self._tried(admitted, prepared, payment, line, ends)
            code, health = "ok", Health.GOOD
        except CallFailedError as failed:
            code, health = failed.problem.code, failed.health
            return failed.problem
        finally:
            ended = self._ended(permit, payment, started, code, health)
            used = {} if answered.usage is None else answered.usage._asdict()
            line.info("call_ended", code=code, health=health, result_bytes=len(answered.result), **ended, **used)
        if tool.cache_seconds:
            self._cache.put(key, Reusable(answered.result, payment.total.cost_micros))
        return Made(answered.result, tool.effect)

    def forget(self, connector: str) -> None:
        """The connector is gone: one that comes under its name begins anew."""
        self._permits.forget(connector)
        self._retries.forget(connector)
        self._metrics.forget(connector)
        self._payments.blocked.forget(connector)

    async def stream(
        self, admitted: Admit, tool: StreamedTool, about: dict[str, str], left: float = math.inf
    ) -> AsyncGenerator[Passed, None]:
        """The pieces of the answer while it comes, some at a time, and a problem in place of what does not come.

        It is neither reused nor asked for twice. Its permit is held until it has ended, or is closed.
        """
        line = _line(admitted, self._read_key(admitted, _digest(admitted.call.arguments)), about)
        if left <= 0:
            yield self._refused(out_of_time(admitted.offer.name).problem, admitted.offer.name, line)
            return
        ends = self._clock() + left
        payment = self._payments.begin(admitted)
        if isinstance(payment, Problem):
            yield self._refused(payment, admitted.offer.name, line)
            return
        try:
            prepared = tool.prepare_stream(admitted.offer.name, admitted.call)
        except CallFailedError as failed:
            yield self._refused(failed.problem, admitted.offer.name, line)
            return
        permit = await self._entered(admitted, payment, prepared.most, line)
        if isinstance(permit, Problem):
            yield permit
            return
        started, code, health, size = self._clock(), "Cancelled", Health.UNKNOWN, 0
        spent, usage = Spent.THE_BOUND, None
        used: dict[str, int] = {}
        problem: Problem | None = None
        line.info("call_attempted", attempt=1)
        try:
            allowed = Times.of(admitted.tool, started, ends).allowed(started)
            async with aclosing(self._exchanger.stream(admitted, prepared, allowed)) as parts:
                async for part in parts:
                    used = {} if part.usage is None else part.usage._asdict()
                    usage = part.usage if part.told else None
                    size += sum(map(len, part.pieces))
                    if part.pieces:
                        yield part.pieces
            code, health = "ok", Health.GOOD
        except CallFailedError as failed:
            problem, spent, usage = failed.problem, failed.spent, failed.usage
            code, health = problem.code, failed.health
        finally:
            payment.end(spent, usage)
            ended = self._ended(permit, payment, started, code, health)
            line.info("call_ended", code=code, health=health, result_bytes=size, **ended, **used)
        if problem is not None:
            yield problem

    async def _entered(
        self, admitted: Admit, payment: Payment, most: Tokens, line: structlog.stdlib.BoundLogger
    ) -> Permit | Problem:
        """The permit of the call whose first attempt is paid, or which limit it met. While its budget is asked for it
        holds no permit; one that gets none gives back what was set aside."""
        problem = self._permits.refusal(admitted) or await payment.reserve(most)
        permit = problem or self._permits.enter(admitted)
        if isinstance(permit, Problem):
            payment.release()
            self._refused(permit, admitted.offer.name, line)
        return permit

    def _refused(self, problem: Problem, connector: str, line: structlog.stdlib.BoundLogger) -> Problem:
        """A limit or the arguments refused the call: that is counted and written down."""
        self._metrics.calls.labels(connector, problem.code).inc()
        line.info("call_refused", code=problem.code)
        return problem

    def _ended(self, permit: Permit, payment: Payment, started: float, code: str, health: Health) -> dict[str, Any]:
        """The call has ended so: what its line says of time and money."""
        self._permits.leave(permit, health)
        tally = self.tallies[permit.connector]
        tally.calls += 1
        tally.errors += health is Health.BAD
        seconds = self._clock() - started
        self._metrics.calls.labels(permit.connector, code).inc()
        self._metrics.call_seconds.labels(permit.connector).observe(seconds)
        tokens, tool_calls, _, micros = payment.total
        self._metrics.spent.labels(permit.connector, "toolCalls").inc(tool_calls)
        ended: dict[str, Any] = {"millis": round(seconds * 1000, 1), "cost_micros": micros}
        if micros:
            self._metrics.spent.labels(permit.connector, "costMicros").inc(micros)
        if tokens:
            self._metrics.spent.labels(permit.connector, "tokens").inc(tokens)
            ended["tokens"] = tokens
        return ended

    async def _tried(
        self,
        admitted: Admit,
        prepared: Prepared,
        payment: Payment,
        line: structlog.stdlib.BoundLogger,
        ends: float,
    ) -> Answered:
        """The result of the first attempt, which is paid, or of a second one where that can do no harm and there is
        budget for it, too; none begins after the action `ends`. Raises CallFailedError."""
        connector = admitted.offer.name
        begun = self._clock()
        times = Times.of(admitted.tool, begun, ends)
        self._retries.earn(connector)
        line.info("call_attempted", attempt=1)
        try:
            return await self._attempt(admitted, prepared, payment, times.allowed(begun))
        except CallFailedError as failed:
            pause = random.uniform(*_RETRY_SECONDS)  # noqa: S311 (no secret)
            late = times.allowed(self._clock()).begin <= pause
            if late or not _harmless(admitted, failed) or not self._retries.spend(connector):
                raise
            first = failed
        await asyncio.sleep(pause)
        try:
            again = admitted.tool.binding.prepare(connector, admitted.call)
        except CallFailedError:
            raise first from None  # what is not made says nothing of what may have been
        if await payment.reserve(again.most) is not None:
            raise first
        allowed = times.allowed(self._clock())
        if allowed.begin <= 0:
            payment.release()
            raise first
        line.info("call_attempted", attempt=2)
        try:
            return await self._attempt(admitted, again, payment, allowed)
        except CallFailedError as second:
            if first.problem.code is not Code.OUTCOME_UNKNOWN or second.problem.code in _MAY_HAVE_BEEN_MADE:
                raise
            # The second attempt has done nothing. What became of the first one, nobody knows all the same.
            raise CallFailedError(first.problem, second.health) from second

    async def _attempt(self, admitted: Admit, prepared: Prepared, payment: Payment, allowed: Allowed) -> Answered:
        """One attempt that is paid, and booked however it ends. Raises CallFailedError."""
        spent, usage = Spent.THE_BOUND, None
        try:
            answered = await self._exchanger.exchange(admitted, prepared, allowed)
            usage = answered.usage
        except CallFailedError as failed:
            spent, usage = failed.spent, failed.usage
            raise
        finally:
            payment.end(spent, usage)
        return answered

    def _read_key(self, admitted: Admit, arguments: str) -> ReadKey:
        offer = admitted.offer
        return ReadKey(
            app_uid=admitted.app.record.app.uid,
            tenant=admitted.call.tenant,
            connector=offer.name,
            contract=offer.contract_digest,
            source=offer.source,
            tool=admitted.tool.name,
            credential=self._exchanger.credential_identity(offer),
            arguments=arguments,
        )


def _harmless(admitted: Admit, failed: CallFailedError) -> bool:
    """Whether the call may be made once more: it has done nothing, or does the same once."""
    if failed.problem.code not in (Code.UPSTREAM_FAILED, Code.OUTCOME_UNKNOWN) or failed.health is not Health.BAD:
        return False
    return admitted.tool.effect == "Read" or bool(admitted.tool.keyed and admitted.call.key)


def _line(admitted: Admit, key: ReadKey, about: dict[str, str]) -> structlog.stdlib.BoundLogger:
    """The log, with what all lines of the call say."""
    bound: structlog.stdlib.BoundLogger = _log.bind(
        **about,
        connector=key.connector,
        tool=key.tool,
        effect=admitted.tool.effect,
        request=admitted.call.request_id,
        step=admitted.call.step,
        contract=key.contract,
        arguments_digest=key.arguments,
    )
    return bound


def _digest(arguments: dict[str, Any]) -> str:
    """`sha256:<hex>` of the arguments in canonical form (RFC 8785); of ones that have none, of their plain JSON."""
    try:
        content = digests.canonical(arguments)
    except (ValueError, RecursionError):
        content = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    return digests.sha256(content)
