# SPDX-License-Identifier: Apache-2.0
"""What a runtime's start costs and what it keeps in memory outside a pod: its own part of a pod's figures."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.cpu import cpu_seconds, tree
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure
from bench.memory import private_mebibytes


async def idle_runtime(context: Context) -> list[Figure]:
    """CPU time of supervisor and worker up to the first answer, and MiB that they have written then.

    Pages of files are left out: how many of the engine's are mapped depends on how they came into the page cache."""
    starts: list[float] = []
    memory: list[float] = []
    for _ in range(context.amount(9, 1)):
        async with runtime(context, ANSWERS) as ours:
            processes = tree(ours.pid)
            starts.append(cpu_seconds(processes) * 1000)
            memory.append(private_mebibytes(processes))
    return [
        figure("runtime start, CPU", "ms", "engine", starts),
        figure("idle runtime, private memory", "MiB", "engine", memory),
    ]
