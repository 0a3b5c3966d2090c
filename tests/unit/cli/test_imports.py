# SPDX-License-Identifier: Apache-2.0
"""What every command waits for is small: what one of them does is imported when it runs."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["genapps.cli.main", "genapps.laptop.command"])
def test_a_command_line_is_read_without_what_weighs(module: str) -> None:
    """The second is what `genapps dev` imports before its first process is under way."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pydantic", "yaml", "structlog", "cryptography", "aiohttp", "kopf"}
    assert not heavy & {name.partition(".")[0] for name in done.stdout.split()}
