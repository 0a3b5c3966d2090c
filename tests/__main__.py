# SPDX-License-Identifier: Apache-2.0
"""All tests, in two processes of pytest: those that may use the node mostly wait for it, and the others compute
meanwhile. What the others have printed is shown at the end. Fails when one of the two fails.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WITHOUT_NODE = ("contract", "golden", "unit", "runtime")
"""In this order: tests that fork the process to kill it come before those that fill it with engines, or each fork
copies the tables of 2 GB."""
WITH_NODE = ("chart", "cluster", "demo", "oracles")
LOG = ROOT / "build" / "tests-without-node.log"


def pytest(rooms: tuple[str, ...]) -> list[str]:
    """The command for the tests in these folders."""
    # Each has a cache of its own: it says what failed last.
    cache = f"cache_dir={ROOT / 'build' / f'pytest-{rooms[0]}'}"
    return [sys.executable, "-m", "pytest", "-o", cache, *(str(ROOT / "tests" / room) for room in rooms)]


def main() -> int:
    """Run both; returns the exit status."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("wb") as log:
        computing = subprocess.Popen(pytest(WITHOUT_NODE), cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            waiting = subprocess.run(pytest(WITH_NODE), cwd=ROOT, check=False)
            computed = computing.wait()
        finally:
            computing.kill()
    sys.stdout.flush()
    with LOG.open("rb") as log:
        while piece := log.read(65_536):
            os.write(sys.stdout.fileno(), piece)
    return waiting.returncode or computed


if __name__ == "__main__":
    sys.exit(main())
