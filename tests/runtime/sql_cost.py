# SPDX-License-Identifier: Apache-2.0
"""What SQL adds to a request: `python -m tests.runtime.sql_cost`, no test.

Prints the CPU time of the worker for a request with 32 callers, and what it adds to a request that does nothing: with
a key read, a row read by SQL (with and without await, and by `sqlite3`), a key written, and a row written by SQL. They
take turns within one run.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path

from bench.cpu import cpu_seconds
from tests.runtime.fake_gateway import Authority
from tests.runtime.harness import Pod, serving
from tools import engines

ROUNDS, CALLERS, CALLS = 9, 32, 60
SOURCE = """
import sqlite3
from genapps import app, state

db = sqlite3.connect("app.db")

@app.get("/get-sync")
def get_sync(request):
    return {"n": state.get_sync("k")}

@app.get("/select-sync")
def select_sync(request):
    return {"n": state.sql_sync("SELECT n FROM t WHERE id = ?", 7)[0]["n"]}

@app.get("/sqlite3")
def by_sqlite3(request):
    return {"n": db.execute("SELECT n FROM t WHERE id = ?", (7,)).fetchone()[0]}

@app.post("/sqlite3-write")
def write_by_sqlite3(request):
    with db:
        db.execute("UPDATE t SET n = n + 1 WHERE id = ?", (7,))
    return {"n": 2}

@app.post("/update-sync")
def update_sync(request):
    state.sql_sync("UPDATE t SET n = n + 1 WHERE id = ?", 7)
    return {"n": 2}

@app.get("/make")
async def make(request):
    await state.put("k", 1)
    await state.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
    await state.sql("INSERT INTO t VALUES (7, 1)")

@app.get("/nothing")
async def nothing(request):
    return {"n": 1}

@app.get("/get")
async def get(request):
    return {"n": await state.get("k")}

@app.get("/select")
async def select(request):
    return {"n": (await state.sql("SELECT n FROM t WHERE id = ?", 7))[0]["n"]}

@app.get("/put")
async def put(request):
    await state.put("k", 2)
    return {"n": 2}

@app.get("/update")
async def update(request):
    await state.sql("UPDATE t SET n = n + 1 WHERE id = ?", 7)
    return {"n": 2}
"""
PATHS = (
    "/nothing", "/get", "/get-sync", "/select", "/select-sync", "/sqlite3", "/put", "/update", "/update-sync",
    "/sqlite3-write",
)  # fmt: skip
POSTED = frozenset({"/update-sync", "/sqlite3-write"})
"""Their path is noted as one that writes for a minute, as that of a form is."""


async def _measure() -> dict[str, list[float]]:
    spent: dict[str, list[float]] = {path: [] for path in PATHS}
    with tempfile.TemporaryDirectory() as folder:
        async with serving(
            Authority.make(), engines.precompiled(), Path(folder), SOURCE, limits={"concurrency": CALLERS}
        ) as pod:
            await pod.call("GET", "/make")
            for number in range(ROUNDS + 1):
                for path in PATHS:
                    before = cpu_seconds([pod.worker()])
                    await asyncio.gather(*[_call(pod, path) for _ in range(CALLERS)])
                    micros = (cpu_seconds([pod.worker()]) - before) / (CALLERS * CALLS) * 1e6
                    if number:  # the first round warms up
                        spent[path].append(micros)
    return spent


async def _call(pod: Pod, path: str) -> None:
    """One caller: requests one after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.port)
    for _ in range(CALLS):
        writer.write(f"{'POST' if path in POSTED else 'GET'} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.partition(b"\r\n")[0], head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()


def main() -> None:
    spent = asyncio.run(_measure())
    nothing = statistics.median(spent["/nothing"])
    for path, micros in spent.items():
        median = statistics.median(micros)
        print(f"{path:15} {median:6.1f} us of CPU a request, {median - nothing:6.1f} added (median of {ROUNDS})")


if __name__ == "__main__":
    main()
