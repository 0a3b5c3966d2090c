# SPDX-License-Identifier: Apache-2.0
"""An app that naps in its pod, as a caller in its namespace meets it."""

from __future__ import annotations

from bench.apps import ANSWERS, NAPPING
from bench.cluster.platform import Platform
from bench.cluster.start import start
from bench.context import Context
from bench.figures import Figure, figure
from bench.load.job import Answer
from bench.memory import pids_of_pod, pss_mebibytes
from bench.processes import until

_PROCESSES = 2
"""Of a pod whose app naps: the sandbox's and the supervisor."""


async def naps_of_pods(context: Context, platform: Platform) -> list[Figure]:
    """Each sample waits until the app naps, then sends one request on a new connection, through its Service."""
    started = await start(platform, platform.name("nap"), ANSWERS, NAPPING)
    uid = (await platform.app_pod(started.child))["metadata"]["uid"]

    async def napping() -> bool:
        return len(pids_of_pod(uid)) == _PROCESSES

    memory: list[float] = []
    answers: list[float] = []
    for _ in range(context.amount(30, 5)):
        await until(napping, "the app naps")
        memory.append(pss_mebibytes(pids_of_pod(uid)))
        answers.append((await platform.generator.answer(Answer(started.address, 80))).seconds * 1000)
    return [
        figure("memory of a napping app's pod", "MiB PSS", "kubernetes", memory),
        figure("first answer out of a nap, 500m", "ms", "kubernetes", answers),
    ]
