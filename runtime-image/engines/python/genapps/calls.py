# SPDX-License-Identifier: Apache-2.0
"""Calls to the host: a coroutine yields the calls that it waits for. The engine passes them on and resumes it."""

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

from genapps.actions import current

Outcome = dict[str, Any]


class ToolError(Exception):
    """A tool call was refused or failed.

    `code` and `cls` (violation, defect or limit) come from the gateway. `detail` is a sentence. `retry_after` is in
    seconds, or None. With code `BudgetExhausted` `bucket` says whose limit it is (`app`, or `budget <name>`), `unit`
    what there is too little of, and `spent` and `limit` how much of it; else they are None.
    """

    def __init__(self, problem: dict[str, Any]) -> None:
        self.code: str = str(problem.get("code", "CallFailed"))
        self.cls: str = str(problem.get("class", "limit"))
        self.detail: str = str(problem.get("detail") or problem.get("title") or "")
        self.retry_after: float | None = problem.get("retryAfter")
        self.bucket: str | None = problem.get("bucket")
        self.unit: str | None = problem.get("unit")
        self.spent: int | None = problem.get("spent")
        self.limit: int | None = problem.get("limit")
        super().__init__(f"{self.code}: {self.detail}")


class Call:
    """One call to the host. Awaiting it returns the result or raises ToolError."""

    __slots__ = ("id", "kind", "payload")

    def __init__(self, kind: str, payload: dict[str, Any]) -> None:
        current.action.calls += 1
        self.id = current.action.calls
        self.kind = kind
        self.payload = payload

    def __await__(self) -> Generator[Any, Any, Any]:
        if current.loop is None:
            outcome = (yield [self])[str(self.id)]
        else:
            outcome = yield from current.loop.call(self)
        if "problem" in outcome:
            raise ToolError(outcome["problem"])
        return outcome["ok"]


class _Gather:
    """Runs several awaitables in turns and yields all calls that they wait for together."""

    def __init__(self, awaitables: tuple[Awaitable[Any], ...]) -> None:
        self.awaitables = awaitables

    def __await__(self) -> Generator[list[Call], dict[str, Outcome], list[Any]]:
        results: list[Any] = [None] * len(self.awaitables)
        steps = {index: _generator(awaitable) for index, awaitable in enumerate(self.awaitables)}
        answers: dict[str, Outcome] | None = None
        try:
            while steps:
                wanted: list[Call] = []
                for index, step in list(steps.items()):
                    try:
                        wanted += step.send(answers)
                    except StopIteration as stop:
                        results[index] = stop.value
                        del steps[index]
                if wanted:
                    answers = yield wanted
        finally:
            for step in steps.values():
                step.close()
        return results


def _generator(awaitable: Awaitable[Any]) -> Any:
    if isinstance(awaitable, Coroutine):
        return awaitable
    return awaitable.__await__()


async def gather(*awaitables: Awaitable[Any]) -> list[Any]:
    """Wait for several calls at once; returns their results in order. The first error ends all of them.

    The host runs the calls of one round in parallel. The next round starts when all of them are answered.
    """
    if current.loop is not None:
        gathered: list[Any] = await current.loop.gather(awaitables)
        return gathered
    return await _Gather(awaitables)
