# SPDX-License-Identifier: Apache-2.0
"""Texts of all sizes through the raw call, each checked on both sides: `python -m ... ENGINE SEED ROUNDS`.

A process of its own, because a mistake with wasmtime's memory ends it. Prints by how many KiB it has grown.
"""

import json
import random
import sys
from pathlib import Path

from genapps_runtime.guest.engine import Language
from genapps_runtime.guest.log_import import GuestLog
from genapps_runtime.guest.string_call import StringCall

SOURCE = """
from genapps import app

@app.get("/{size}")
async def pad(request, size):
    await Piece({"text": "\\u20ac" + "y" * int(size) + str(sum(len(name) for name in request.query))})

class Piece:
    def __init__(self, piece):
        self.piece = piece
    def __await__(self):
        yield self.piece
"""
SIZES = (0, 1, 7, 100, 4000, 70_000, 300_000)


def main(engine: str, seed: str, rounds: str) -> None:
    chance = random.Random(seed)
    language = Language(engine)
    store, functions = language.instantiate(64 * 1024 * 1024, GuestLog())
    functions["load"](store, json.dumps({"entry": "app.py", "files": {"app.py": SOURCE}, "logBytes": 0}))
    start, resume = StringCall(functions["start"]), StringCall(functions["resume"])
    grown = 0
    for number in range(2 * int(rounds)):
        given, wanted = (chance.randint(0, chance.choice(SIZES)) for _ in range(2))
        request = {"requestId": "r", "method": "GET", "path": f"/{wanted}", "query": "q" * given, "headers": {}}
        turn = start(store, json.dumps({"action": number, "request": request}).encode())
        assert turn is not None
        assert json.loads(turn) == {"emit": {"text": "\u20ac" + "y" * wanted + str(given)}}
        ended = resume(store, json.dumps({"action": number, "cancel": True}).encode())
        assert ended is not None
        assert json.loads(ended) == {"failed": {"code": "Cancelled"}}
        if number == int(rounds):
            grown = -_resident_kib()
    store.close()
    print(grown + _resident_kib())


def _resident_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
