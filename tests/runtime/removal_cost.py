# SPDX-License-Identifier: Apache-2.0
"""What it costs to overwrite what is deleted, and to remove what has expired: no test.

`python -m tests.runtime.removal_cost`

Prints the CPU time and the wall time of a step of removal, and for each way of writing a key the CPU time and the bytes
in the log by `PRAGMA secure_delete`. The ways take turns within one run.
"""

import statistics
import tempfile
import time
from pathlib import Path

from genapps_runtime.state.ages import Ages
from genapps_runtime.state.connection import Connection
from genapps_runtime.state.layout import prepare
from genapps_runtime.state.marks import DAY_SECONDS, Marks, Room
from genapps_runtime.state.removal import STEP_KEYS, Removal
from genapps_runtime.state.transaction import Commit, Transaction, Writes

ROUNDS, COMMITS, LIMIT = 9, 60, 256 * 1024 * 1024
MARKS = Marks(DAY_SECONDS, Room.beside(LIMIT))
VALUES = {"100 bytes": "x" * 100, "100 KiB": "x" * 102_400}


def connect(file: Path, secure_delete: str = "ON") -> Connection:
    connection = Connection(str(file))
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA secure_delete={secure_delete}").fetchall()
    return connection


class Writing:
    """Commits of one key each, replaced or deleted and stored again."""

    def __init__(self, file: Path, secure_delete: str, value: str, *, deletes: bool) -> None:
        self.connection = connect(file, secure_delete)
        self.figures = prepare(self.connection, MARKS)
        self.writes: list[Writes] = [[("k", value)], [("k", None if deletes else value)]]
        self.log = file.with_name(f"{file.name}-wal")
        self.micros: list[float] = []

    def round(self) -> None:
        begun = time.process_time()
        for number in range(COMMITS):
            transaction = Transaction(self.connection, number, 0, LIMIT, self.figures.changes, MARKS, self.figures.kept)
            transaction.run([Commit(None, self.writes[number % 2])])
        self.micros.append((time.process_time() - begun) / COMMITS * 1e6)


def removal(file: Path, keys: int) -> None:
    connection, now = connect(file), [0.0]
    ages = Ages(3600, lambda: now[0])
    figures = prepare(connection, MARKS, ages)
    transaction = Transaction(connection, 0, 0, LIMIT, figures.changes, MARKS, figures.kept)
    transaction.run([Commit(None, [(f"key/{number}", "x" * 100) for number in range(keys)])])
    figures = prepare(connection, MARKS, ages)
    now[0] = 8000.0
    work, cpu, wall = Removal(ages, LIMIT, MARKS), [], []
    for _ in range(keys // STEP_KEYS):
        begun = time.process_time(), time.monotonic()
        figures = work.step(connection, figures, is_read=False)
        cpu.append((time.process_time() - begun[0]) * 1e3)
        wall.append((time.monotonic() - begun[1]) * 1e3)
    assert not figures.size
    middle = f"{statistics.median(cpu):.1f} ms of CPU, {statistics.median(wall):.1f} ms of time"
    print(f"a step that removes {STEP_KEYS} of {keys} keys: {middle}, at most {max(wall):.1f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        removal(Path(folder) / "removal", 50_000)
        for name, value in VALUES.items():
            for deletes in (False, True):
                what = f"{'stored and deleted' if deletes else 'replaced'}, {name}"
                ways = {
                    way: Writing(Path(folder) / f"{what}{way}", way, value, deletes=deletes)
                    for way in ("OFF", "FAST", "ON")
                }
                for _ in range(ROUNDS):
                    for one in ways.values():
                        one.round()
                for way, one in ways.items():
                    size = one.log.stat().st_size // 1024
                    print(f"a key {what}, {way}: {statistics.median(one.micros):.0f} us a commit, log {size} KiB")


if __name__ == "__main__":
    main()
