# SPDX-License-Identifier: Apache-2.0
r"""A connector that answers only calls which a gateway made for it: two tools, and nothing but the standard library.

python payments.py --connector payments --audience https://payments.example.com \
        --keys-url https://gateway.genapps-system.svc:8445/jwks.json --ca-file /etc/genapps/ca.crt
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from genapps_verify import (
    HEADER,
    KeysUnavailableError,
    ReplayStoreFullError,
    Step,
    StepTokenRefusedError,
    StepVerifier,
    keys_from_file,
    keys_from_url,
)

BODY_BYTES = 64 * 1024
BALANCE = "/v1/accounts/"


class Payments:
    """The service itself: it is asked only about calls that are proven."""

    def __init__(self) -> None:
        self.charged: list[tuple[str, int]] = []
        """Which app charged how much."""

    def charge(self, step: Step, arguments: dict[str, Any]) -> dict[str, Any]:
        """The tool `charge`, POST /v1/charges: all arguments are in the body."""
        self.charged.append((step.app, arguments["amount"]))
        return {"charged": arguments["amount"], "for": step.app}

    def balance(self, _step: Step, arguments: dict[str, Any]) -> dict[str, Any]:
        """The tool `balance`, GET /v1/accounts/{account}: its argument is in the path."""
        return {"account": arguments["account"], "balance": 100 - sum(amount for _, amount in self.charged)}


class PaymentsServer(ThreadingHTTPServer):
    """The service on a port, behind its verifier."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], verifier: StepVerifier, payments: Payments) -> None:
        super().__init__(address, _Requests)
        self.verifier = verifier
        self.payments = payments


class _Requests(BaseHTTPRequestHandler):
    server: PaymentsServer
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        """`charge`."""
        if self.path != "/v1/charges":
            return self._answer(404, {"error": "there is nothing here"})
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES:
            return self._answer(413, {"error": "the body has no length, or is too large"})
        try:
            arguments = json.loads(self.rfile.read(int(length)))
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            return self._answer(400, {"error": "the body is no JSON object"})
        return self._call("charge", arguments)

    def do_GET(self) -> None:
        """`balance`."""
        if not self.path.startswith(BALANCE):
            return self._answer(404, {"error": "there is nothing here"})
        return self._call("balance", {"account": unquote(self.path.removeprefix(BALANCE))})

    def _call(self, tool: str, arguments: dict[str, Any]) -> None:
        """The token is looked at before anything is done."""
        tokens = self.headers.get_all(HEADER, [])
        try:
            step = self.server.verifier.verify(tokens[0] if len(tokens) == 1 else None, tool, arguments)
        except StepTokenRefusedError as refused:
            self.log_message("refused %s: %s", tool, refused.fault)
            return self._answer(401, {"error": refused.fault})
        except (KeysUnavailableError, ReplayStoreFullError) as error:
            self.log_message("not checked %s: %s", tool, error)
            return self._answer(503, {"error": "the token cannot be checked now"})
        return self._answer(200, getattr(self.server.payments, tool)(step, arguments))

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status != 200:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connector", required=True, help="the name of the Connector")
    parser.add_argument("--audience", required=True, help="as in its spec.stepToken")
    keys = parser.add_mutually_exclusive_group(required=True)
    keys.add_argument("--keys-url")
    keys.add_argument("--keys-file")
    parser.add_argument("--ca-file", help="the authority of the gateway, for --keys-url")
    parser.add_argument("--port", type=int, default=8080)
    told = parser.parse_args()
    found = keys_from_file(told.keys_file) if told.keys_file else keys_from_url(told.keys_url, told.ca_file)
    verifier = StepVerifier(told.connector, told.audience, found)
    PaymentsServer(("", told.port), verifier, Payments()).serve_forever()


if __name__ == "__main__":
    main()
