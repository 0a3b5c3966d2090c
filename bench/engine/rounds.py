# SPDX-License-Identifier: Apache-2.0
"""Our side and its peers, loaded in turns, so that whatever slows the machine slows all; and never a busy machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.context import Context
from bench.cpu import cpu_seconds, tree
from bench.figures import Figure, figure, peer
from bench.load.generator import FULL, Generator
from bench.load.job import Load, LoadResult
from bench.server import Server

REPEATS = 4


@dataclass(frozen=True, slots=True)
class Round:
    """One load of one server. `cpu` is in seconds, of all its processes and threads, over the whole load."""

    result: LoadResult
    cpu: float

    @property
    def micros(self) -> float:
        """CPU time for one request, in microseconds."""
        return self.cpu / self.result.answered * 1e6 if self.result.answered else 0.0


@dataclass(slots=True)
class Rounds:
    """All rounds of each server, ours first. `disturbed` when the machine would not calm down."""

    servers: Sequence[Server]
    of: Mapping[str, list[Round]]
    disturbed: bool = False

    def generator(self, name: str) -> Figure:
        """What the load generator used of its core, in percent: one sample for each load of any server."""
        samples = [each.result.busy * 100 for rounds in self.of.values() for each in rounds]
        return figure(name, "%", "engine", samples, disturbed=self.disturbed)

    def figure(self, name: str, unit: str, value: Callable[[Round], float]) -> Figure:
        """A figure of the engine: one sample a round, beside the medians of the peers."""
        return self.of_samples(name, unit, {side: [value(each) for each in self.of[side]] for side in self.of})

    def of_samples(self, name: str, unit: str, samples: Mapping[str, Sequence[float]]) -> Figure:
        """The same from samples by server."""
        ours, *others = self.servers
        peers = [
            peer(each.name, samples[each.name], limited=self._limited(each), unlike=ours.unlike(each))
            for each in others
        ]
        limited = self._limited(ours)
        return figure(name, unit, "engine", samples[ours.name], *peers, limited=limited, disturbed=self.disturbed)

    def _limited(self, server: Server) -> bool:
        return median(each.result.busy for each in self.of[server.name]) > FULL


async def in_turns(
    context: Context, generator: Generator, servers: Sequence[Server], load: Callable[[Server], Load], rounds: int
) -> Rounds:
    """Each round loads every server, every second one in reverse order. It begins on a quiet machine where that can be
    had, and a load that other work disturbed is repeated. Raises LoadFailedError when a request fails."""
    await context.quiet.calm()
    taken = Rounds(servers, {server.name: [] for server in servers})
    for number in range(rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            taken.of[server.name].append(await _undisturbed(context, generator, server, load(server), taken))
    return taken


async def _undisturbed(context: Context, generator: Generator, server: Server, load: Load, taken: Rounds) -> Round:
    repeats = context.amount(REPEATS, 0)
    while True:
        before = context.quiet.now()
        done = await loaded(generator, server, load)
        if not context.quiet.disturbed(before):
            return done
        if not repeats or not await context.quiet.calm():
            taken.disturbed = True
            return done
        repeats -= 1


async def loaded(generator: Generator, server: Server, load: Load) -> Round:
    """Load a server once, and account for its CPU time."""
    before = cpu_seconds(tree(server.pid))
    result = await generator.load(load)
    return Round(result, cpu_seconds(tree(server.pid)) - before)
