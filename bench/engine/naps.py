# SPDX-License-Identifier: Apache-2.0
"""An app that naps outside a pod: what is left of it, and what its first answer after that costs."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.cpu import cpu_seconds, tree
from bench.cpu_limit import limited
from bench.engine.runtime_process import runtime
from bench.figures import Figure, figure
from bench.load.generator import host_generator
from bench.load.job import Answer
from bench.memory import pss_mebibytes
from bench.processes import until

MILLICORES = 500
_NAP_MILLIS = 300


async def naps(context: Context) -> list[Figure]:
    """Each sample is a connection and a request to an app that naps, at the CPU limit of a small tier; the connection
    is closed, and the next sample waits for the next nap. CPU is that of the worker which it starts."""
    awake: list[float] = []
    asleep: list[float] = []
    answers: list[float] = []
    cpu: list[float] = []
    command = (await context.interpreter()).command
    async with host_generator(command) as generator, runtime(context, ANSWERS, nap_millis=_NAP_MILLIS) as ours:

        async def napping() -> bool:
            return tree(ours.pid) == [ours.pid]

        await context.quiet.calm()
        before = context.quiet.now()
        with limited(tree(ours.pid), MILLICORES):
            for _ in range(context.amount(40, 10)):
                await until(napping, "the app naps")
                asleep.append(pss_mebibytes([ours.pid]))
                answer = await generator.answer(Answer("127.0.0.1", ours.port))
                if answer.attempts != 1:
                    raise RuntimeError("a request to a napping app was not answered at once")
                answers.append(answer.seconds * 1000)
                cpu.append(cpu_seconds(tree(ours.pid)[1:]) * 1000)
                awake.append(pss_mebibytes(tree(ours.pid)))
        disturbed = context.quiet.disturbed(before)
    return [
        figure("runtime that is awake", "MiB PSS", "engine", awake),
        figure("runtime that naps", "MiB PSS", "engine", asleep),
        figure("first answer out of a nap, 500m", "ms", "engine", answers, disturbed=disturbed),
        figure("the same, CPU of the worker", "ms", "engine", cpu, disturbed=disturbed),
    ]
