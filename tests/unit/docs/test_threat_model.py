# SPDX-License-Identifier: Apache-2.0
"""The threat model names a test for each row: each must exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def rows() -> list[str]:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| threat |")]
    return [line.rstrip("| ").rpartition("|")[2] for line in lines]


def test_every_row_names_a_test_that_exists() -> None:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"def (test_\w+)\(", sources))
    named = [set(re.findall(r"`(test_\w+)`", row)) for row in rows()]
    assert len(named) > 20
    assert all(named), "a row without a test"
    assert set().union(*named) <= defined, f"no such test: {sorted(set().union(*named) - defined)}"


def test_no_threat_stands_twice() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    threats = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    threats = [threat for threat in threats if threat != "threat"]
    assert len(threats) == len(set(threats))


def test_every_file_that_a_row_names_exists() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    files = set(re.findall(r"`([\w/.-]+\.(?:py|yaml|json))`", text))
    bases = [ROOT / folder for folder in ("", "operator/src/genapps", "runtime-image/src", "charts/genapps")]
    assert len(files) > 30
    assert sorted(file for file in files if not any((base / file).exists() for base in bases)) == []
