# SPDX-License-Identifier: Apache-2.0
"""What reaches stdout, in a process of its own: logging is configured once per process."""

import json
import subprocess
import sys

SCRIPT = """
import logging, structlog
from genapps import logs
logs.configure("INFO")
ours = structlog.get_logger("ours")
ours.debug("hidden")
ours.info("refused", text="line\\nbreak \\x1b[2J", header="Bearer abc.def.ghi", number=7)
ours.warning("x" * 5000)
logging.getLogger("aiohttp").warning("Authorization: Bearer abc.def.ghi")
logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
try:
    raise ValueError("-----BEGIN PRIVATE KEY-----")
except ValueError:
    ours.exception("failed")
"""


def test_log_lines_are_json_without_secrets_control_characters_or_debug() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["level"] for line in lines] == ["info", "warning", "warning", "error"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert (lines[0]["event"], lines[0]["number"], lines[0]["header"]) == ("refused", 7, "Bearer [redacted:token]")
    assert len(lines[1]["event"]) == 2000
    assert lines[2]["event"] == "Authorization: Bearer [redacted:token]"
    assert "[redacted:private-key]" in lines[3]["exception"]
    assert b"\x1b" not in done.stdout
    assert b"PRIVATE" not in done.stdout
