# SPDX-License-Identifier: Apache-2.0
"""One admitted call: from the request to the connector to its checked result, with a line before and after it.

Whatever ends a call, its end is written down: `call_attempted` alone in a log means that the process ended meanwhile.
Arguments and results are in no line, only their digests.
"""

from __future__ import annotations

import asyncio
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
from genapps.gateway.connectors.exchange import CallFailedError, Health
from genapps.gateway.connectors.exchanger import Answered, Exchanger
from genapps.gateway.connectors.model import ModelTool
from genapps.gateway.decision import Admit
from genapps.gateway.limits.permits import Permit, Permits
from genapps.gateway.limits.read_cache import ReadCache, ReadKey
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
        metrics: Metrics,
        clock: Callable[[], float] = clocks.monotonic,
    ) -> None:
        self._exchanger = exchanger
        self._permits = permits
        self._metrics = metrics
        self._clock = clock
        self._retries = RetryBudget()
        self.tallies: defaultdict[str, Tally] = defaultdict(Tally)
        """By connector, of those that were called."""
        self._cache = ReadCache(clock=clock)

    async def make(self, admitted: Admit, about: dict[str, str]) -> Made | Problem:
        """The result, or why there is none. `about` are fields of the log's lines that say whose call it is."""
        tool, connector = admitted.tool, admitted.offer.name
        key = self._read_key(admitted, _digest(admitted.call.arguments))
        line = _line(admitted, key, about)
        reused = self._cache.get(key, tool.cache_seconds) if tool.cache_seconds else None
        if reused is not None:
            self._metrics.calls.labels(connector, "reused").inc()
            line.info("call_ended", code="reused", result_bytes=len(reused))
            return Made(reused, tool.effect)
        permit = self._entered(admitted, line)
        if isinstance(permit, Problem):
            return permit
        started, code, health, answered = self._clock(), "Cancelled", Health.UNKNOWN, Answered(b"", None)
        try:
            answered = await self._tried(admitted, line)
            code, health = "ok", Health.GOOD
        except CallFailedError as failed:
            code, health = failed.problem.code, failed.health
            return failed.problem
        finally:
            millis = self._ended(permit, started, code, health)
            used = {} if answered.usage is None else answered.usage._asdict()
            line.info("call_ended", code=code, health=health, millis=millis, result_bytes=len(answered.result), **used)
        if tool.cache_seconds:
            self._cache.put(key, answered.result)
        return Made(answered.result, tool.effect)

    def forget(self, connector: str) -> None:
        """The connector is gone: one that comes under its name begins anew."""
        self._permits.forget(connector)
        self._retries.forget(connector)
        self._metrics.forget(connector)

    async def stream(self, admitted: Admit, tool: ModelTool, about: dict[str, str]) -> AsyncGenerator[Passed, None]:
        """The pieces of the answer while it comes, some at a time, and a problem in place of what does not come.

        It is neither reused nor asked for twice. Its permit is held until it has ended, or is closed.
        """
        line = _line(admitted, self._read_key(admitted, _digest(admitted.call.arguments)), about)
        permit = self._entered(admitted, line)
        if isinstance(permit, Problem):
            yield permit
            return
        started, code, health, size = self._clock(), "Cancelled", Health.UNKNOWN, 0
        used: dict[str, int] = {}
        problem: Problem | None = None
        line.info("call_attempted", attempt=1)
        try:
            async with aclosing(self._exchanger.stream(admitted, tool)) as parts:
                async for part in parts:
                    used = part.usage._asdict()
                    size += sum(map(len, part.pieces))
                    if part.pieces:
                        yield part.pieces
            code, health = "ok", Health.GOOD
        except CallFailedError as failed:
            problem = failed.problem
            code, health = problem.code, failed.health
        finally:
            millis = self._ended(permit, started, code, health)
            line.info("call_ended", code=code, health=health, millis=millis, result_bytes=size, **used)
        if problem is not None:
            yield problem

    def _entered(self, admitted: Admit, line: structlog.stdlib.BoundLogger) -> Permit | Problem:
        """The permit of the call, or which limit it met, which is counted and written down."""
        permit = self._permits.enter(admitted)
        if isinstance(permit, Problem):
            self._metrics.calls.labels(admitted.offer.name, permit.code).inc()
            line.info("call_refused", code=permit.code)
        return permit

    def _ended(self, permit: Permit, started: float, code: str, health: Health) -> float:
        """The call has ended so; how many milliseconds it took."""
        self._permits.leave(permit, health)
        tally = self.tallies[permit.connector]
        tally.calls += 1
        tally.errors += health is Health.BAD
        seconds = self._clock() - started
        self._metrics.calls.labels(permit.connector, code).inc()
        self._metrics.call_seconds.labels(permit.connector).observe(seconds)
        return round(seconds * 1000, 1)

    async def _tried(self, admitted: Admit, line: structlog.stdlib.BoundLogger) -> Answered:
        """The result of the first attempt, or of a second one where that can do no harm. Raises CallFailedError."""
        connector = admitted.offer.name
        until = self._clock() + admitted.tool.seconds
        self._retries.earn(connector)
        line.info("call_attempted", attempt=1)
        try:
            return await self._exchanger.exchange(admitted, admitted.tool.seconds)
        except CallFailedError as failed:
            pause = random.uniform(*_RETRY_SECONDS)  # noqa: S311 (no secret)
            left = until - self._clock() - pause
            if left <= 0 or not _harmless(admitted, failed) or not self._retries.spend(connector):
                raise
            first = failed
        await asyncio.sleep(pause)
        line.info("call_attempted", attempt=2)
        try:
            return await self._exchanger.exchange(admitted, left)
        except CallFailedError as second:
            if first.problem.code is not Code.OUTCOME_UNKNOWN or second.problem.code in _MAY_HAVE_BEEN_MADE:
                raise
            # The second attempt has done nothing. What became of the first one, nobody knows all the same.
            raise CallFailedError(first.problem, second.health) from second

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
