# SPDX-License-Identifier: Apache-2.0
"""The judges as programs: where their sources are, and how to ask one."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.node.binaries import Module, Program, binary, build
from tools.node.settings import current

HERE = Path(__file__).resolve().parent
MODULES = (
    Module(
        HERE / "judges",
        (
            Program("kstatus", "./kstatus", 30),
            Program("pod-security", "./pod-security", 3),
            Program("selectors", "./selectors", 1),
        ),
    ),
    Module(HERE / "cyclonus", (Program("cyclonus", ".", 78),)),
)
ANSWER_SECONDS = 120
BUILD_SECONDS = 1800
"""How long a test may take that has to build a judge first."""


def build_all() -> None:
    """Build what is missing, with progress."""
    build(current().cache, modules=MODULES)


def ask(judge: str, questions: Sequence[Any]) -> list[Any]:
    """One answer for each question. Raises AssertionError with the judge's words when it cannot read one."""
    build(current().cache, frozenset({judge}), MODULES)
    done = subprocess.run(
        [binary(judge, current().cache, MODULES)],
        input="".join(f"{json.dumps(question)}\n" for question in questions),
        capture_output=True,
        text=True,
        check=False,
        timeout=ANSWER_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(questions), done.stderr
    return answers
