# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.support.skewed_operator`: the operator on a machine whose clock is ahead, or behind."""

import os
from datetime import timedelta

from genapps.cluster import clocks
from genapps.controller.main import run
from tests.support.operator_process import SKEW

if __name__ == "__main__":
    skew = timedelta(seconds=float(os.environ[SKEW]))
    run(lambda: clocks.utc_now() + skew)
