# SPDX-License-Identifier: Apache-2.0
"""The table of conditions is closed and complete."""

import re
from pathlib import Path

from genapps.api import reasons
from genapps.api.conditions import ConditionType, Reason, allowed, next_step, table
from genapps.api.reasons import EXPLANATIONS


def test_every_reason_and_every_condition_is_in_the_table() -> None:
    rows = list(table())
    assert {row.reason for row in rows} == set(Reason)
    assert {row.type for row in rows} == set(ConditionType)


def test_every_row_explains_itself_in_sentences() -> None:
    for row in table():
        assert row.meaning.endswith("."), row
        assert row.next_step.endswith("."), row


def test_reasons_are_words_that_kubernetes_accepts() -> None:
    assert all(re.fullmatch("[A-Z][A-Za-z]{0,62}", reason) for reason in Reason)


def test_whatever_stalls_or_suspends_an_app_is_a_reason_not_to_be_ready() -> None:
    stalled = {row.reason for row in table() if (row.type, row.status) == ("Stalled", "True")}
    for reason in stalled - {Reason.ROLLED_BACK}:
        assert allowed(ConditionType.READY, "False", reason), reason


def test_an_app_that_was_rolled_back_is_ready_and_stalled() -> None:
    assert allowed(ConditionType.STALLED, "True", Reason.ROLLED_BACK)
    assert not allowed(ConditionType.READY, "False", Reason.ROLLED_BACK)


def test_a_suspended_app_is_told_how_to_go_on() -> None:
    assert "acknowledgedSuspension" in next_step(Reason.REPEATED_VIOLATIONS)


def test_a_meaning_stands_in_one_place() -> None:
    folder = Path(reasons.__file__).parents[1]
    sources = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}
    meanings = [explanation.meaning for explanation in EXPLANATIONS.values()]
    places = [(path.name, text) for path, source in sources.items() for text in meanings if f'"{text}"' in source]
    assert {name for name, _ in places} == {"reasons.py"}
