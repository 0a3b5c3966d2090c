# SPDX-License-Identifier: Apache-2.0
"""How much of what is secret or personal is found in log lines, and how much else is taken for it."""

from tests.unit.redaction.corpus import read, score

LINES = read("labelled.txt")
HELD_OUT = read("held_out.txt")


def test_what_the_rules_were_tuned_on_is_found_and_nothing_else() -> None:
    assert len(LINES) >= 400
    found = score(LINES)
    assert found.marked >= 240
    assert found.recall >= 0.995
    assert found.precision >= 0.995
    assert found.wrong_kinds == 0


def test_what_they_were_not_tuned_on_is_found_nearly_as_well() -> None:
    assert not {line.text for line in LINES} & {line.text for line in HELD_OUT}
    found = score(HELD_OUT)
    assert found.marked >= 80
    assert found.recall >= 0.98
    assert found.precision >= 0.98


def test_without_rules_nothing_would_be_found() -> None:
    plain = [line for line in LINES if not line.marked]
    assert len(plain) >= 200
    assert score(plain).redacted == 0
