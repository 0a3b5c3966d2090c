# SPDX-License-Identifier: Apache-2.0
"""What tool calls add to a request: `python -m tests.runtime.call_cost`, no test.

Prints the CPU time of the worker for a request with 16 callers: one that does nothing, in an app that names
`call_sync` and in one that does not, and one that calls a tool once or three times, with and without await. The
gateway answers at once. They take turns within one run.
"""

import asyncio
import statistics
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from bench.cpu import cpu_seconds
from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Pod, serving
from tools import engines

ROUNDS, CALLERS, CALLS = 7, 16, 20
AWAITED = """
from genapps import app, tools

@app.get("/nothing")
def nothing(request):
    return {"n": 1}

@app.get("/await/{times}")
async def awaited(request, times):
    return {"n": [await tools.call("rates", "latest", number=number) for number in range(int(times))]}
"""
IN_PLACE = (
    AWAITED
    + """
@app.get("/sync/{times}")
def in_place(request, times):
    return {"n": [tools.call_sync("rates", "latest", number=number) for number in range(int(times))]}
"""
)
ROWS = (
    (AWAITED, "/nothing"), (IN_PLACE, "/nothing"), (IN_PLACE, "/await/1"), (IN_PLACE, "/sync/1"),
    (IN_PLACE, "/await/3"), (IN_PLACE, "/sync/3"),
)  # fmt: skip


async def _measure() -> list[list[float]]:
    spent: list[list[float]] = [[] for _ in ROWS]
    async with AsyncExitStack() as stack:
        pods: dict[str, Pod] = {}
        for source in (AWAITED, IN_PLACE):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            pod = serving(Authority.make(), engines.precompiled(), folder, source, limits={"concurrency": CALLERS})
            pods[source] = await stack.enter_async_context(pod)
            pods[source].gateway.answers["rates"] = 200, {"result": {"rate": 1.0625}}
        for number in range(ROUNDS + 1):
            for row, (source, path) in enumerate(ROWS):
                worker = pods[source].worker()
                before = cpu_seconds([worker])
                await asyncio.gather(*[_call(pods[source], path) for _ in range(CALLERS)])
                if number:  # the first round warms up
                    spent[row].append((cpu_seconds([worker]) - before) / (CALLERS * CALLS) * 1e6)
    return spent


async def _call(pod: Pod, path: str) -> None:
    """One caller: requests one after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    for _ in range(CALLS):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.partition(b"\r\n")[0], head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()


def main() -> None:
    spent = [statistics.median(micros) for micros in asyncio.run(_measure())]
    for (source, path), micros in zip(ROWS, spent, strict=True):
        named = "names call_sync" if source == IN_PLACE else ""
        print(f"{path:10} {micros:6.0f} us of CPU a request, {micros - spent[0]:6.0f} added  {named}")


if __name__ == "__main__":
    main()
