# SPDX-License-Identifier: Apache-2.0
"""The tools that a build calls."""

import os
import subprocess
from collections.abc import Mapping, Sequence


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command; raises SystemExit with what it printed when it fails."""
    more = {**os.environ, **(environment or {})}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=more)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
