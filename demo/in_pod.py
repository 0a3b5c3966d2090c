# SPDX-License-Identifier: Apache-2.0
"""Runs inside a pod, handed over as `python3 -c`: makes the connections that the demo shows. Standard library only.

Argument: JSON, either {"request": {"method", "url", "headers", "body", "authority"}} or {"dial": {name: [host, port]}}.
Output: JSON, {"status", "body", "headers"} or {"error"} for a request; {name: "open" | "closed: why"} for dials.
"""

import json
import socket
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

REQUEST_SECONDS = 15
CONNECT_SECONDS = 2


def request(method: str, url: str, headers: dict[str, str], body: str | None, authority: str | None) -> dict[str, Any]:
    """One HTTP request; its status and body, or the reason why there is none."""
    where = urllib.parse.urlsplit(url)
    try:
        # Ask for the connection alone first: whether a fence is in the way shows within seconds.
        socket.create_connection((where.hostname, where.port or 80), timeout=CONNECT_SECONDS).close()
        data = None if body is None else body.encode()
        asked = urllib.request.Request(url, data, headers, method=method)
        trust = ssl.create_default_context(cadata=authority) if authority else None
        with urllib.request.urlopen(asked, timeout=REQUEST_SECONDS, context=trust) as answer:
            return _reply(answer.status, answer)
    except urllib.error.HTTPError as error:
        return _reply(error.code, error)
    except OSError as error:
        return {"error": str(error) or type(error).__name__}


def _reply(status: int, answer: Any) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return {"status": status, "body": answer.read().decode(errors="replace"), "headers": headers}


def dial(target: tuple[str, int]) -> str:
    """Try a TCP connection to (host, port): `open`, or `closed:` and why."""
    try:
        socket.create_connection(target, CONNECT_SECONDS).close()
    except OSError as error:
        return f"closed: {error}"
    return "open"


def main() -> None:
    """Do what the first argument asks for, and print the result as JSON."""
    task = json.loads(sys.argv[1])
    if "request" in task:
        result = request(**task["request"])
    else:
        targets = {name: (host, port) for name, (host, port) in task["dial"].items()}
        with ThreadPoolExecutor(len(targets)) as pool:
            result = dict(zip(targets, pool.map(dial, targets.values()), strict=True))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
