# SPDX-License-Identifier: Apache-2.0
"""The plain port for kubelet and Prometheus: alive, ready, metrics. Nothing on it decides anything."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from genapps.gateway.bodies import Receive, Scope, Send
from genapps.gateway.metrics import Metrics


class HealthApp:
    """The ASGI application of the health port; `waiting_for` names what is not ready yet, empty when all is."""

    def __init__(self, waiting_for: Callable[[], tuple[str, ...]], metrics: Metrics) -> None:
        self._waiting_for = waiting_for
        self._metrics = metrics

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request: `/livez`, `/readyz` or `/metrics`."""
        if scope["type"] != "http":
            return
        media_type = "text/plain; charset=utf-8"
        status, body = 404, b"not found\n"
        if scope["path"] == "/livez":
            status, body = 200, b"ok\n"
        elif scope["path"] == "/readyz":
            missing = self._waiting_for()
            status, body = (503, f"waiting for {', '.join(missing)}\n".encode()) if missing else (200, b"ok\n")
        elif scope["path"] == "/metrics":
            status, body, media_type = 200, generate_latest(self._metrics.registry), CONTENT_TYPE_LATEST
        headers = [
            (b"content-type", media_type.encode("ascii")),
            (b"content-length", str(len(body)).encode("ascii")),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
