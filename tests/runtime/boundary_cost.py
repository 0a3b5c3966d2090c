# SPDX-License-Identifier: Apache-2.0
"""What the boundary costs: `python -m tests.runtime.boundary_cost`, no test.

Prints the CPU time of a small turn through the stock wrappers of the package `wasmtime`, through ours, and as a whole
`Guest.start`, in one piece and on a fiber, and what each side adds to the private memory of a process. All take turns
within one run.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.instance import Guest
from genapps_runtime.guest.store import GuestLog, ignore_record
from genapps_runtime.guest.string_call import ResultCall, StringCall
from genapps_runtime.heartbeat import Heartbeat
from tests.runtime.stock_engine import StockLanguage
from tools import engines

ROUNDS, CALLS, MEMORY, FAR_SECONDS = 9, 2000, 64 * 1024 * 1024, 3600
SOURCE = "from genapps import app\n@app.get('/')\nasync def answer(request):\n    return 'x'\n"
LOAD = json.dumps({"entry": "app.py", "files": {"app.py": SOURCE}, "logBytes": 0})
REQUEST = {"requestId": "r", "method": "GET", "path": "/", "query": "", "headers": {}}
MESSAGE = json.dumps({"action": 1, "request": REQUEST})
# After what the worker has anyway.
MEMORY_OF = """
import asyncio, ctypes, pathlib, platform, sqlite3, ssl, weakref, orjson
def private():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))
before = private()
import {module}
print(private() - before)
"""


def main() -> None:
    ways = {"stock wrappers": _stock(), "ours": _ours(), "ours, Guest.start": _guest()}
    ways["the same on a fiber"] = _guest(pausing=True)
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, call in ways.items():
            begun = time.process_time()
            for _ in range(CALLS):
                call()
            spent[name].append((time.process_time() - begun) / CALLS * 1e6)
    for name, micros in spent.items():
        print(
            f"{name:20} {statistics.median(micros):6.1f} us of CPU a turn (median of {ROUNDS}; best {min(micros):.1f})"
        )
    for module in ("wasmtime.component", "genapps_runtime.guest.engine"):
        command = [sys.executable, "-c", MEMORY_OF.format(module=module)]
        runs = [int(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(2)]
        print(f"import {module:30} {runs[-1]:6} KiB of private memory")  # the first one wrote the byte code


def _stock() -> Callable[[], object]:
    store, export = StockLanguage(str(engines.precompiled())).instantiate(MEMORY, GuestLog())
    export("load")(store, LOAD)
    start = export("start")
    return lambda: start(store, MESSAGE)


def _ours() -> Callable[[], object]:
    store = Language(str(engines.precompiled())).instantiate(MEMORY, GuestLog())
    ResultCall(store, "load")(LOAD.encode())
    start, message = StringCall(store, "start"), MESSAGE.encode()
    return lambda: start(message)


def _guest(*, pausing: bool = False) -> Callable[[], object]:
    guest = Guest(Language(str(engines.precompiled())), Heartbeat(), MEMORY, pausing=pausing)
    guest.load(LOAD, FAR_SECONDS)
    message = MESSAGE.encode()
    return lambda: guest.start(message, time.monotonic() + FAR_SECONDS, ignore_record)


if __name__ == "__main__":
    main()
