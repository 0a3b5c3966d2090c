# SPDX-License-Identifier: Apache-2.0
"""Facets whose keys expire by a clock of the test, and what a test does with them."""

import asyncio
import time
from pathlib import Path

from genapps_runtime.state.ages import LEAST_PERIOD_SECONDS
from genapps_runtime.state.facet import Facet
from genapps_runtime.state.transaction import Commit
from genapps_runtime.state.view import View
from tests.runtime.harness import until

RETENTION = 3600
LATE = LEAST_PERIOD_SECONDS + 11
"""By which a key may expire later than its retention says."""
NEEDLE = "9a7c2f-this-was-secret-61"
LONG = '"' + NEEDLE * 600 + '"'
"""More than a page: SQLite keeps most of it in pages of its own."""


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Opens:
    """Opens the same facet; each one but the last is closed by the test."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = str(directory)
        self._clock = clock
        self.last: Facet

    def __call__(self, seconds: int = RETENTION) -> Facet:
        self.last = Facet(self._directory, "default", 10_000_000, 4, 86_400, self._clock, state_seconds=seconds)
        return self.last


async def store(facet: Facet, writes: dict[str, str | None], view: View | None = None) -> Exception | None:
    commit = Commit(view.reads if view is not None else None, list(writes.items()))
    stored = asyncio.Event()
    facet.commit([commit], lambda _: stored.set())
    await stored.wait()
    facet.end_batch()
    return commit.verdict


def sql(facet: Facet, *texts: str) -> None:
    """Statements that an app writes with, as one that loads does it."""
    facet.hold(lambda: None)
    transaction = facet.open()
    view = transaction.begin_action(None)
    assert view is not None
    for text in texts:
        view.sql(text, [], time.thread_time() + 5)
    transaction.end_action([])
    assert facet.store_now(transaction) is None
    facet.release()


def read(facet: Facet, key: str) -> str | None:
    view = facet.view()
    try:
        return view.get(key)
    finally:
        view.close()
        facet.end_batch()


def rows(facet: Facet, text: str) -> list[tuple[object, ...]]:
    view = facet.view()
    try:
        return list(view.sql(text, [], time.thread_time() + 5).rows)
    finally:
        view.close()
        facet.end_batch()


async def step(facet: Facet) -> bool:
    """Let it do a step; whether there is more to do."""
    facet._removal.due = True
    facet._commit_soon()
    await until(lambda: not facet.storing)
    assert not facet._removal.due
    return facet._removal._steps is not None


async def remove(facet: Facet) -> int:
    """A pass; the number of its steps."""
    steps = 1
    while await step(facet):
        steps += 1
    return steps


def left(directory: Path, needle: str = NEEDLE) -> list[str]:
    """The files in which it is."""
    return [file.name[-4:] for file in sorted(directory.iterdir()) if needle.encode() in file.read_bytes()]
