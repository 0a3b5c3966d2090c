# SPDX-License-Identifier: Apache-2.0
"""`python -m bench [--only NAME...] [--quick]`: measures, prints a table, writes `build/bench.json`.

About half an hour on two cores; nothing else should run meanwhile. `--quick` takes two minutes, and writes
`build/bench-quick.json`, so that its figures are never taken for measured ones.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
import traceback
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.cluster.platform import platform
from bench.context import Context
from bench.figures import Figure, NotMeasuredError
from bench.measurements import ALONE, ON_PLATFORM
from bench.processes import REPOSITORY
from bench.quiet import Quiet
from bench.report import text, write
from tools.alone import alone
from tools.node import node_is_up
from tools.node.settings import current

_PATIENCE = 300.0
"""How long a run waits in all for other work on this machine to end, in seconds."""
_QUICK_PATIENCE = 2.0


@dataclass(slots=True)
class _Outcome:
    figures: list[Figure] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    async def take(self, name: str, context: Context, measured: Awaitable[list[Figure]]) -> None:
        """Add what was measured; a failure is told and does not end the run."""
        begun = time.monotonic()
        print(f"{name} ...", flush=True)
        try:
            self.figures += await measured
        except NotMeasuredError as reason:
            context.note(f"{name}: {reason}")
        except Exception:
            traceback.print_exc()
            self.failed.append(name)
        else:
            print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)


async def _measure(context: Context, names: Sequence[str]) -> _Outcome:
    outcome = _Outcome()
    for name, measurement in ALONE.items():
        if name in names:
            await outcome.take(name, context, measurement(context))
    if any(name in names for name in ON_PLATFORM):
        await outcome.take("platform", context, _on_platform(outcome, context, names))
    return outcome


async def _on_platform(outcome: _Outcome, context: Context, names: Sequence[str]) -> list[Figure]:
    async with platform() as installed:
        for name, measurement in ON_PLATFORM.items():
            if name in names:
                await outcome.take(name, context, measurement(context, installed))
                await installed.rest()
    return []


def _arguments() -> argparse.Namespace:
    known = [*ALONE, *ON_PLATFORM]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, print, write build/bench.json")
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--quick", action="store_true", help="few samples: shows that everything works, no more")
    return parser.parse_args()


def main() -> int:
    """The exit code: 1 when a measurement failed. One that this machine cannot take is no failure."""
    arguments = _arguments()
    cache = current().cache
    # Two at once, of two checkouts, would measure each other.
    with alone(cache / "bench" / "lock", "another bench runs: waiting for it"):
        return _run(arguments, cache)


def _run(arguments: argparse.Namespace, cache: Path) -> int:
    # It stays until the next run: the logs of what was measured are in it.
    work = cache / "bench" / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    quiet = Quiet(_QUICK_PATIENCE if arguments.quick else _PATIENCE)
    context = Context(cache, work, quiet, arguments.quick)
    outcome = asyncio.run(_measure(context, arguments.only))
    if any(figure.disturbed for figure in outcome.figures):
        context.note(f"machine busy: no ratios, no goals judged; others used up to {quiet.worst:.0%} of a core")
        if node_is_up():
            context.note("the local node runs, and counts as other work for the engine's figures: make node-down")
    print("\n" + text(outcome.figures, context.notes, context.ran_on, quick=arguments.quick))
    file = REPOSITORY / "build" / ("bench-quick.json" if arguments.quick else "bench.json")
    write(file, outcome.figures, context.ran_on)
    if outcome.failed:
        print(f"failed: {', '.join(outcome.failed)}", file=sys.stderr)
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main())
