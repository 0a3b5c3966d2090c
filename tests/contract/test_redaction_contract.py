# SPDX-License-Identifier: Apache-2.0
"""Operator and runtime take the same out of what they log: one set of rules, in both images."""

from pathlib import Path

import genapps.redaction
import genapps_runtime.redaction
from genapps import logs
from genapps_runtime.log_texts import told
from tests.unit.redaction.corpus import read


def test_both_have_the_same_files() -> None:
    operators, runtimes = (
        {file.name: file.read_bytes() for file in Path(package.__path__[0]).glob("*.py")}
        for package in (genapps.redaction, genapps_runtime.redaction)
    )
    assert len(operators) == 5
    assert operators == runtimes


def test_both_write_the_same_texts_into_their_lines() -> None:
    for line in read("labelled.txt"):
        if line.text.isprintable():
            assert told({"error": line.text}) == logs.redact(None, "", {"error": line.text})
