# SPDX-License-Identifier: Apache-2.0
"""Runs inside a pod, handed over as `python3 -c`: a service with exchange rates. Standard library only.

GET /v1/latest/<currency> gives a rate; POST /v1/bookings books once for each Idempotency-Key; GET /v1/bookings lists
what was booked. It knows nothing of genapps.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RATES = {"EUR": 0.94, "USD": 0.81, "GBP": 1.08}
BOOKINGS: dict[str, dict[str, Any]] = {}


class Treasury(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A rate, or all bookings."""
        currency = self.path.removeprefix("/v1/latest/")
        if self.path == "/v1/bookings":
            self._answer(200, {"bookings": list(BOOKINGS.values())})
        elif currency in RATES:
            self._answer(200, {"currency": currency, "rate": RATES[currency]})
        else:
            self._answer(404, {"error": "no such rate"})

    def do_POST(self) -> None:
        """Book, or say again what was booked under the key."""
        expense = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Idempotency-Key") or f"without-{len(BOOKINGS)}"
        booked = BOOKINGS.setdefault(key, {"id": f"B-{len(BOOKINGS) + 1}", **expense})
        self._answer(201, booked)

    def log_message(self, *_: object) -> None:
        """Nothing: what it is asked for is shown elsewhere."""

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Treasury).serve_forever()
