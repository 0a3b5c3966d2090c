# SPDX-License-Identifier: Apache-2.0
"""What counts as a busy machine, and how long a run waits for it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench.cpu import cpu_seconds, kernel_threads, machine_seconds, tree
from bench.quiet import LIMIT, Quiet, Reading, others, read


class Machine:
    """Readings one second apart, in which others use these shares of a core."""

    def __init__(self, shares: Sequence[float]) -> None:
        self._shares: Iterator[float] = iter(shares)
        self.at = 0.0
        self._others = 0.0

    def look(self) -> Reading:
        """The reading of now."""
        return Reading(self.at, self.at * 0.5 + self._others, self.at * 0.5)

    async def sleep(self, _seconds: float) -> None:
        """One second passes."""
        self.at += 1
        self._others += next(self._shares)


def quiet(machine: Machine, patience: float) -> Quiet:
    return Quiet(patience, machine.look, machine.sleep)


@pytest.mark.parametrize(
    ("machine", "own", "share"), [(2.0, 2.0, 0.0), (3.0, 1.0, 1.0), (1.0, 1.5, 0.0), (0.25, 0.0, 0.125)]
)
def test_others_are_what_the_machine_used_and_we_did_not(machine: float, own: float, share: float) -> None:
    assert others(Reading(10, 5, 1), Reading(12, 5 + machine, 1 + own)) == pytest.approx(share)


@pytest.mark.parametrize(("share", "disturbed"), [(LIMIT / 2, False), (LIMIT + 0.001, True)])
async def test_a_round_in_which_others_used_more_than_the_limit_is_disturbed(share: float, disturbed: bool) -> None:
    machine = Machine([share])
    watched = quiet(machine, 10)
    before = watched.now()
    await machine.sleep(1)
    assert watched.disturbed(before) is disturbed
    assert watched.worst == pytest.approx(share if disturbed else 0)


async def test_a_run_waits_until_others_are_done() -> None:
    machine = Machine([1.0, 0.5, 0.0])
    assert await quiet(machine, 10).calm()
    assert machine.at == 3


async def test_patience_is_spent_once_for_the_whole_run() -> None:
    machine = Machine([1.0, 1.0, 1.0])
    watched = quiet(machine, 2)
    assert not await watched.calm()
    assert machine.at == 2
    assert not await watched.calm()
    assert machine.at == 2


def process(proc: Path, pid: int, parent: int, *nanoseconds: int) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "stat").write_text(f"{pid} (a name) with) ) S {parent} 0 0")
    for number, each in enumerate(nanoseconds):
        (folder / "task" / str(pid + number)).mkdir(parents=True)
        (folder / "task" / str(pid + number) / "schedstat").write_text(f"{each} 5 1\n")


def test_time_is_counted_over_all_threads_of_a_process_and_its_descendants(tmp_path: Path) -> None:
    process(tmp_path, 1, 0, 10**9)
    process(tmp_path, 2, 0, 10**9)
    process(tmp_path, 3, 2, 10**9)
    process(tmp_path, 10, 1, 2 * 10**9, 3 * 10**9)
    process(tmp_path, 11, 10, 10**8)
    process(tmp_path, 12, 11, 10**7)
    process(tmp_path, 13, 1, 10**9)
    assert tree(10, tmp_path) == [10, 11, 12]
    assert sorted(kernel_threads(tmp_path)) == [2, 3]
    assert cpu_seconds([*tree(10, tmp_path), 999], tmp_path) == pytest.approx(5.11)


def test_the_machines_time_leaves_idle_and_waiting_out(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  100 20 30 9000 400 5 6 7 80 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
    assert machine_seconds(tmp_path) * 100 == pytest.approx(168)


def test_this_process_is_in_its_own_account() -> None:
    before = read()
    sum(range(300_000))
    after = read()
    assert after.own > before.own
    assert after.at > before.at
