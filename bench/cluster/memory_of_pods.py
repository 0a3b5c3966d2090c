# SPDX-License-Identifier: Apache-2.0
"""What is resident: an idle app's pod, the operator and the gateway, by the kernel's proportional accounting."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.cluster.platform import Platform
from bench.cluster.start import start
from bench.context import Context
from bench.figures import Figure, figure
from bench.memory import pids_of_pod, private_mebibytes, pss_mebibytes


async def memory_of_pods(context: Context, platform: Platform) -> list[Figure]:
    """MiB of all processes of each pod. Pages that pods share (the engine, the interpreter) count by their share, so
    the first figure is of the only app of this measurement, the third of several. How many pages of the engine's file
    the kernel maps around one that is used differs by kernel and file system; the second figure leaves files out."""
    uids: list[str] = []
    alone: list[float] = []
    private: list[float] = []
    for number in range(context.amount(8, 2)):
        started = await start(platform, platform.name("idle", number), ANSWERS)
        uids.append((await platform.app_pod(started.child))["metadata"]["uid"])
        alone = alone or _of(uids)
        private += [private_mebibytes(pids_of_pod(uids[-1]))]
    figures = [
        figure("memory of an idle app's pod", "MiB PSS", "kubernetes", alone),
        figure("the same, private pages alone", "MiB", "kubernetes", private),
        figure(f"the same, of {len(uids)} together", "MiB PSS", "kubernetes", _of(uids)),
    ]
    for component in ("operator", "gateway"):
        pod = await platform.pod_of(component)
        figures.append(figure(f"memory of the {component}", "MiB PSS", "kubernetes", _of([pod["metadata"]["uid"]])))
    return figures


def _of(uids: list[str]) -> list[float]:
    return [pss_mebibytes(pids_of_pod(uid)) for uid in uids]
