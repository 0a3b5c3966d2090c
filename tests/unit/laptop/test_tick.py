# SPDX-License-Identifier: Apache-2.0
"""What `genapps tick` says when there is no answer; that it runs a schedule is in tests/runtime/test_laptop.py."""

import fcntl
from pathlib import Path

import pytest

from genapps.laptop.named import LOCK, SourceError, state_of
from genapps.laptop.process import socket_name
from genapps.laptop.tick import tick


def test_where_nobody_serves_the_app_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no genapps dev serves this app"):
        tick(tmp_path, "nightly", None)
    kept = state_of(tmp_path)
    kept.mkdir(parents=True)
    (kept / LOCK).write_text("genapps-dev-of-a-process-that-has-ended")
    with pytest.raises(SourceError, match="start one first"):
        tick(tmp_path, "nightly", None)


def test_where_the_code_has_not_loaded_it_does_not_ask_for_another_genapps_dev(tmp_path: Path) -> None:
    with (tmp_path / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(socket_name())
        lock.flush()
        with pytest.raises(SourceError, match="the terminal says whether the app has loaded"):
            tick(tmp_path, "nightly", tmp_path)
