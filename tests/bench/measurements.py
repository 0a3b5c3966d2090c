"""Every measurement there is, in the order in which they run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from tests.bench.cluster.api_writes import api_writes
from tests.bench.cluster.apply_to_ready import apply_to_ready
from tests.bench.cluster.memory_of_pods import memory_of_pods
from tests.bench.cluster.platform import Platform
from tests.bench.cluster.reconcile import reconcile
from tests.bench.cluster.requests import requests
from tests.bench.cluster.suspension import suspension
from tests.bench.cluster.switch import switch
from tests.bench.context import Context
from tests.bench.engine.durable_state import durable_state
from tests.bench.engine.never_seen import never_seen
from tests.bench.engine.warm_request import warm_request
from tests.bench.figures import Figure

Alone = Callable[[Context], Awaitable[list[Figure]]]
OnPlatform = Callable[[Context, Platform], Awaitable[list[Figure]]]

# These bring up what they need.
ALONE: Mapping[str, Alone] = {
    "never-seen": never_seen,
    "warm-request": warm_request,
    "durable-state": durable_state,
    "reconcile": reconcile,
}

# These need the node with the chart installed. Memory first, while no other app has run.
ON_PLATFORM: Mapping[str, OnPlatform] = {
    "memory": memory_of_pods,
    "apply-to-ready": apply_to_ready,
    "api-writes": api_writes,
    "switch": switch,
    "suspension": suspension,
    "requests": requests,
}
