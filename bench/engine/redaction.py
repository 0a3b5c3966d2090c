# SPDX-License-Identifier: Apache-2.0
"""What it costs to take secrets and personal data out of the log line of an action: CPU time, in this process."""

from __future__ import annotations

import time
from typing import Any

from bench.context import Context
from bench.figures import Figure, figure
from genapps_runtime.log_texts import told

_ACTION = {
    "level": "info", "app": "shop", "namespace": "team-a", "revision": "shop-6f1d2c", "envelope": "sha256:" + "ab" * 32,
    "requestId": "0123456789abcdef" * 2, "method": "GET", "status": 200, "millis": 0.41, "turns": 1,
    "guestMillis": 0.07,
}  # fmt: skip
_LINES: dict[str, dict[str, Any]] = {
    "redacted line of a request": {"path": "/orders"},
    "the same, the app logs": {"path": "/orders/1044", "log": [{"level": "info", "message": "order 1044 has 3 items"}]},
    "the same, two secrets in it": {
        "path": "/users/ann@example.com",
        "log": [{"level": "warning", "message": "card 4111 1111 1111 1111 refused, 3 attempts left"}],
    },
}


async def redaction(context: Context) -> list[Figure]:
    """One figure a line: of a request alone, of one whose app logs, and of one that has two secrets in it."""
    amount = context.amount(5000, 200)
    figures = []
    for name, fields in _LINES.items():
        samples = [_micros(fields, amount) for _ in range(context.amount(15, 3))]
        figures.append(figure(name, "us", "engine", samples))
    return figures


def _micros(fields: dict[str, Any], amount: int) -> float:
    lines = [_ACTION | fields for _ in range(amount)]
    begun = time.thread_time()
    for line in lines:
        told(line)
    return (time.thread_time() - begun) / amount * 1e6
