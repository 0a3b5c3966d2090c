# SPDX-License-Identifier: Apache-2.0
"""The form of the decisions: when, whether it holds, why, what, what follows, what lost."""

import re
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DECISIONS = sorted((ROOT / "docs" / "design").glob("[0-9]*.md"))
SECTIONS = ("Context", "Consequences", "Rejected")


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name[:4])
def test_a_decision_has_date_status_and_sections(page: Path) -> None:
    title, _, dated, status, *_ = page.read_text(encoding="utf-8").splitlines()
    assert title.startswith(f"# {page.name[:4]} ")
    assert date.fromisoformat(dated.removeprefix("- Date: "))
    assert re.fullmatch(r"- Status: (accepted|superseded by \d{4})", status)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name[:4])
def test_a_decision_says_why_and_what_follows_and_what_lost(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    places = [text.index(f"\n**{section}.**") for section in SECTIONS]
    assert places == sorted(places)


def test_decisions_are_numbered_without_gaps_and_all_are_listed() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    listed = re.findall(r"^\| \[\d{4}\]\((\S+)\)", (ROOT / "docs/design/README.md").read_text(), re.MULTILINE)
    assert listed == [page.name for page in DECISIONS]
