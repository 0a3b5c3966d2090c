# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from bench.memory import cpu_seconds, pids_of_pod, pss_mebibytes, rss_mebibytes

UID = "0f7b1c2e-1111-2222-3333-444455556666"


def process(proc: Path, pid: int, group: str, pss: int = 1024) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "cgroup").write_text(group)
    (folder / "smaps_rollup").write_text(f"00-ff ---p 0 [rollup]\nRss: 9999 kB\nPss:    {pss} kB\nPss_Dirty: 1 kB\n")


@pytest.mark.parametrize(
    "group",
    [
        f"0::/genapps-node/kubepods/burstable/pod{UID}/abc\n",
        f"12:memory:/kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice/x\n",
    ],
    ids=["driver cgroupfs", "driver systemd"],
)
def test_the_processes_of_a_pod_are_found_by_its_uid(tmp_path: Path, group: str) -> None:
    process(tmp_path, 7, group)
    process(tmp_path, 8, "0::/kubepods/podffffffff-1111-2222-3333-444455556666/abc\n")
    (tmp_path / "self").mkdir()
    assert pids_of_pod(UID, tmp_path) == [7]


def test_memory_is_the_sum_over_processes_and_one_that_is_gone_counts_nothing(tmp_path: Path) -> None:
    process(tmp_path, 7, "", pss=1024)
    process(tmp_path, 8, "", pss=512)
    assert pss_mebibytes([7, 8, 9], tmp_path) == 1.5


def test_this_process_has_memory_and_has_used_the_processor() -> None:
    assert 1 < rss_mebibytes(os.getpid()) < 100_000
    assert pss_mebibytes([os.getpid()]) > 1
    assert cpu_seconds(os.getpid()) == pytest.approx(sum(os.times()[:2]), abs=0.5)
