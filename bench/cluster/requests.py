# SPDX-License-Identifier: Apache-2.0
"""A running app as its callers see it: latency of one caller, throughput of many, through its Service."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.cluster.platform import Platform
from bench.cluster.start import start
from bench.context import Context
from bench.cores import pin, server_core
from bench.figures import Figure, figure
from bench.load.job import Load
from bench.memory import pids_of_pod


async def requests(context: Context, platform: Platform) -> list[Figure]:
    """The app's pod on one core, the caller's on another; network policy and kube-proxy are in between."""
    started = await start(platform, platform.name("requests"), ANSWERS)
    pod = await platform.app_pod(started.child)
    pin(pids_of_pod(pod["metadata"]["uid"]), server_core())
    seconds, rounds = context.amount(3, 1) / 1.0, context.amount(5, 1)
    one = Load(started.address, 80, connections=1, seconds=seconds, warm_up=0.5)
    many = Load(started.address, 80, connections=32, seconds=seconds, warm_up=0.5)
    state = Load(started.address, 80, path="/state?key={connection}", connections=32, seconds=seconds, warm_up=0.5)
    single = [await platform.generator.load(one) for _ in range(rounds)]
    parallel = [await platform.generator.load(many) for _ in range(rounds)]
    stateful = [await platform.generator.load(state) for _ in range(rounds)]
    if platform.generator.saturated:
        context.note("the caller's core was full: the highest rates on Kubernetes are the caller's")
    return [
        figure("warm request, c=1, p50", "ms", "kubernetes", [result.p50 * 1000 for result in single]),
        figure("warm request, c=1, p99", "ms", "kubernetes", [result.p99 * 1000 for result in single]),
        figure("requests over its Service, c=32", "req/s", "kubernetes", [result.rate for result in parallel]),
        figure("the same, durable get + put", "req/s", "kubernetes", [result.rate for result in stateful]),
    ]
