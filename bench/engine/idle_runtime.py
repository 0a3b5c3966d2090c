# SPDX-License-Identifier: Apache-2.0
"""What an idle runtime keeps in memory outside a pod: the same processes as in one, without the sandbox's."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.cpu import tree
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure
from bench.memory import private_mebibytes


async def idle_runtime(context: Context) -> list[Figure]:
    """MiB that supervisor and worker have written, after their start and one answer.

    Pages of files are left out: how many of the engine's are mapped depends on how they came into the page cache."""
    samples: list[float] = []
    for _ in range(context.amount(3, 1)):
        async with runtime(context, ANSWERS) as ours:
            samples.append(private_mebibytes(tree(ours.pid)))
    return [figure("idle runtime, private memory", "MiB", "engine", samples)]
