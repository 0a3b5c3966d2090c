# SPDX-License-Identifier: Apache-2.0
"""Processes run ahead of others only as long as they are told to."""

import os
import subprocess
import sys

from bench.cores import ahead_of_others


def test_processes_run_ahead_of_others_for_a_while_where_that_is_allowed() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        with ahead_of_others([process.pid]) as ahead:
            assert os.sched_getscheduler(process.pid) == (os.SCHED_RR if ahead else os.SCHED_OTHER)
        assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER
        process.communicate(b"\n")
