# SPDX-License-Identifier: Apache-2.0
"""Holds the rule of file length: aim below 300 lines, more than 400 fails. Part of `make lint`."""

import subprocess
import sys
from pathlib import Path

LIMIT = 400
SUFFIXES = {".py", ".go"}


def main() -> int:
    """Print each source file that is too long; return 1 if there is one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    )
    failed = False
    for name in listed.stdout.splitlines():
        path = Path(name)
        if path.suffix not in SUFFIXES or not path.is_file():
            continue
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LIMIT:
            print(f"{name}: {lines} lines, more than {LIMIT}: split it")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
