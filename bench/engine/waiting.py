# SPDX-License-Identifier: Apache-2.0
"""Many requests that each wait for 10 ms: what a waiting request costs, and how many may wait at once."""

from __future__ import annotations

from bench.apps import WAITS
from bench.context import Context
from bench.engine.beside_workerd import beside_workerd
from bench.figures import Figure


async def waiting(context: Context) -> list[Figure]:
    """200 connections. They wait for a timer, so that no other server is measured with it."""
    return await beside_workerd(context, "10 ms wait, c=200", WAITS, "/wait", 200, compared=True)
