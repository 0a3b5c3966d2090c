# SPDX-License-Identifier: Apache-2.0
"""Hundreds of requests to an app at the same moment, from one pod."""

import json
from collections import Counter
from urllib.parse import urlsplit

from demo.callers import Pod
from tests.support.apps import Manifest

# All connections are there before the first request leaves.
_CLIENT = """
import asyncio, json, sys
async def main(host, path, count):
    pairs = await asyncio.gather(*(asyncio.open_connection(host, 80) for _ in range(count)))
    lines = f"POST {path} HTTP/1.1", f"host: {host}", "connection: close", "content-length: 0", "", ""
    for _, writer in pairs:
        writer.write("\\r\\n".join(lines).encode())
    answers = await asyncio.gather(*(reader.read() for reader, _ in pairs))
    print(json.dumps([answer.decode().partition("\\r\\n\\r\\n")[2] for answer in answers]))
asyncio.run(main(*json.loads(sys.argv[1])))
"""


def crowd(caller: Pod, app: Manifest, path: str, count: int) -> Counter[str]:
    """POST `path` so many times at once: how often each `code` came, of the app's own answers or of problems."""
    asked = json.dumps([urlsplit(app["status"]["url"]).hostname, path, count])
    words = ("exec", "-n", caller.namespace, caller.name, "--", "python3", "-c", _CLIENT, asked)
    bodies: list[str] = json.loads(caller.kubectl(*words))
    return Counter(json.loads(body)["code"] for body in bodies)
