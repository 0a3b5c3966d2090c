# SPDX-License-Identifier: Apache-2.0
"""A loaded app that reads and writes state of its own, durable before the reply: SQLite on the same disk for both."""

from __future__ import annotations

from bench.apps import ANSWERS
from bench.context import Context
from bench.engine.beside_workerd import beside_workerd
from bench.figures import Figure


async def durable_state(context: Context) -> list[Figure]:
    """One facet; each of 32 connections counts under a key of its own, so that no two actions conflict."""
    return await beside_workerd(context, "durable get + put, c=32", ANSWERS, "/state?key={connection}")
