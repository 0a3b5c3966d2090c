# SPDX-License-Identifier: Apache-2.0
"""Our side and the peer, measured alternately, so that whatever slows the machine slows both."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.context import Context
from bench.load.generator import Generator
from bench.load.job import Load, LoadResult


@dataclass(frozen=True, slots=True)
class Rounds:
    """One result per round; `peer` is empty without a peer."""

    ours: list[LoadResult] = field(default_factory=list)
    peer: list[LoadResult] = field(default_factory=list)


async def in_turns(context: Context, generator: Generator, ours: Load, peer: Load | None, rounds: int) -> Rounds:
    """Each round loads both sides. Raises LoadFailedError when a request fails."""
    results = Rounds()
    for _ in range(rounds):
        results.ours.append(await generator.load(ours))
        if peer is not None:
            results.peer.append(await generator.load(peer))
    if generator.saturated:
        context.note("the load generator's core was full: the highest rates are the generator's")
    return results
