# SPDX-License-Identifier: Apache-2.0
"""A loaded app that writes a row by SQL, durable before the reply: SQLite on the same disk for both."""

from __future__ import annotations

from bench.apps import COUNTS
from bench.context import Context
from bench.engine.beside_workerd import beside_workerd
from bench.figures import Figure


async def durable_sql(context: Context) -> list[Figure]:
    """One facet and one table; each of 32 connections counts in a row of its own."""
    return await beside_workerd(context, "durable SQL write, c=32", COUNTS, "/sql?key={connection}")
