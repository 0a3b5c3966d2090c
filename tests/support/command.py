# SPDX-License-Identifier: Apache-2.0
"""The command `genapps` as its users run it: another process, with a kubeconfig of theirs."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.node import Node

SECONDS = 240


@dataclass(frozen=True)
class Command:
    """`genapps` of this virtual environment."""

    kubeconfig: Path

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end, whatever that is."""
        program = Path(sys.executable).with_name("genapps")
        environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(
            [program, *words], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )


def as_holder(node: Node, token: str, path: Path) -> Command:
    """The command of whoever has that token; their kubeconfig is written to `path`."""
    config = yaml.safe_load(node.kubeconfig.read_text(encoding="utf-8"))
    for user in config["users"]:
        user["user"] = {"token": token}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return Command(path)
