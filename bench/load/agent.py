# SPDX-License-Identifier: Apache-2.0
"""The generator as a process: jobs come in as JSON lines over TCP, results go back the same way.

The same file runs on the host (pinned to a core of its own) and in a pod of the caller's namespace, so it imports
nothing that the images lack.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from bench.load.closed_loop import run_answer, run_load
from bench.load.job import Load, job_from_wire, to_wire


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            writer.write(json.dumps(await _work(json.loads(line))).encode() + b"\n")
            await writer.drain()
    finally:
        writer.close()


async def _work(wire: dict[str, Any]) -> dict[str, Any]:
    """The result as JSON, or `{"error": ...}`: the asking side raises it."""
    try:
        job = job_from_wire(wire)
        return to_wire(await (run_load(job) if isinstance(job, Load) else run_answer(job)))
    except (OSError, KeyError, TypeError, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}", "job": wire}


async def _listen(host: str, port: int) -> None:
    server = await asyncio.start_server(_serve, host, port)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


def main() -> None:
    """Listen on `--host` and `--port` (0: any), print the port as a JSON line, and work until the process is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(_listen(arguments.host, arguments.port))


if __name__ == "__main__":
    main()
