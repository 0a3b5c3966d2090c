# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: T201  (its prints are what `helm test --logs` shows)
"""`helm test`: the gateway answers over TLS with the published CA, and this cluster enforces egress policies.

Runs in a pod whose policy allows the gateway's port 8443 and nothing else. The gateway itself would let this pod
reach its canary port 8444, so an open canary means that NetworkPolicies have no effect here.
"""

import http.client
import os
import socket
import ssl
import sys
import time

TRIES_SECONDS = 30
POLICY_LAG_SECONDS = 10


class Gateway(http.client.HTTPSConnection):
    """Connects to the Service's address and checks the certificate against its name."""

    def connect(self) -> None:
        """Open the connection; raises OSError."""
        plain = socket.create_connection((os.environ["GATEWAY_SERVICE_HOST"], self.port), timeout=5)
        context = ssl.create_default_context(cafile="/etc/genapps/gateway/ca.crt")
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


def health(name: str) -> str:
    """The gateway's answer to its health check: status and body."""
    connection = Gateway(name, 8443)
    connection.request("GET", "/v1/healthz")
    answer = connection.getresponse()
    return f"{answer.status} {answer.read(200).decode(errors='replace').strip()}"


def canary_open() -> bool:
    """Whether the port behind the fence accepts a connection."""
    try:
        socket.create_connection((os.environ["GATEWAY_SERVICE_HOST"], 8444), timeout=1).close()
    except OSError:
        return False
    return True


def main() -> int:
    """Exit status 0 when the gateway answers and the canary does not."""
    name, until = sys.argv[1], time.monotonic() + TRIES_SECONDS
    while True:
        try:
            answer = health(name)
            break
        except OSError as error:
            if time.monotonic() > until:
                print(f"FAILED: https://{name}:8443 does not answer: {error}")
                return 1
            time.sleep(0.5)
    print(f"gateway over TLS: {answer}")
    if not answer.startswith("200 "):
        print("FAILED: the gateway is not healthy.")
        return 1
    # A policy may lag the start of a pod for some seconds.
    until = time.monotonic() + POLICY_LAG_SECONDS
    while canary_open():
        if time.monotonic() > until:
            print("FAILED: port 8444 is open although this pod's NetworkPolicy does not allow it.")
            print("The cluster does not enforce NetworkPolicies. No app will start.")
            return 1
        time.sleep(0.5)
    print("NetworkPolicies are enforced: the canary port is closed to this pod.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
