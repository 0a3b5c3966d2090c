# SPDX-License-Identifier: Apache-2.0
"""A hostile text of twice the length costs twice as much, and not four times: work is counted, and no time taken."""

import re
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from genapps.redaction.rules import RULES
from genapps.redaction.text import find, redact, shown
from tests.unit.redaction.corpus import read
from tests.unit.redaction.steps import Counted

UNITS = [
    "a", "1", " ", "1 ", "12 ", "4111 ", "1.", "1-", "+1", "+1 ", "00", "0044 ", "a@", "a.a@", "@a.", "a.", "%40",
    "ab12 ", "eyJ", "eyJ-", "eyJaaaaaaaaaaaa.", "bearer ", "basic a", "cookie", "cookie=", "cookie:a=b;", "a=b;",
    "; ", "token", "token=", "token:'", "password=\"", "\\\"", "\\", "'", "pwd", "apikey", "://", "://a", "://a@",
    ":a@", "sk-", "sk_live_", "xoxb-", "gha_", "sg.", "tel", "tel 1", "phone: ", "(", "(202)", "-----BEGIN",
    "-----BEGIN PRIVATE KEY", "-----END", "PRIVATE KEY", "A", "AKIA", "\u200b", "1\u200b", "é",
]  # fmt: skip
"""What a hostile text repeats: pieces of what the rules look for."""
LENGTH = 96


def grows_evenly(work: Callable[[str], int], unit: str, length: int) -> bool:
    """Whether twice as much of the unit is at most a little more than twice the work."""
    once, twice = (work((unit * size)[:size]) for size in (length, 2 * length))
    return twice <= 2.3 * once + 60


def steps(pattern: str) -> Callable[[str], int]:
    def work(text: str) -> int:
        counted = Counted(pattern)
        counted.spans(text)
        return counted.steps

    return work


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.kind} {rule.hints[0]}")
def test_no_pattern_does_more_than_in_proportion(rule: Any) -> None:
    assert [unit for unit in UNITS if not grows_evenly(steps(rule.pattern), unit, LENGTH)] == []


@pytest.mark.parametrize("pattern", [r"\w+@", r"a.*?b", r"://[^@]*@"])
def test_a_pattern_that_goes_back_would_be_noticed(pattern: str) -> None:
    assert not all(grows_evenly(steps(pattern), unit, LENGTH) for unit in ("a", "://"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.kind} {rule.hints[0]}")
def test_the_counted_matcher_finds_what_the_real_one_finds(rule: Any) -> None:
    texts = [line.text for line in read("labelled.txt") if line.marked and line.marked[0][2] == rule.kind]
    texts += [(unit * 9)[:40] for unit in UNITS]
    assert texts
    for text in texts:
        shown_to = text.lower() if rule.lower else text
        assert Counted(rule.pattern).spans(shown_to) == [match.span() for match in rule.compiled.finditer(shown_to)]


def lines_run(work: Callable[[str], object]) -> Callable[[str], int]:
    """How many lines of the rules run for a text."""

    def counted(text: str) -> int:
        lines = 0

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal lines
            if "redaction" not in frame.f_code.co_filename:
                return None
            lines += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            work(text)
        finally:
            sys.settrace(before)
        return lines

    return counted


def test_neither_do_the_checks_of_what_patterns_find() -> None:
    assert [unit for unit in UNITS if not grows_evenly(lines_run(find), unit, 4 * LENGTH)] == []


def test_of_a_text_that_is_cut_no_more_is_looked_at_than_is_shown() -> None:
    work = lines_run(lambda text: shown(text, 100))
    assert len({work("4111 " * times) for times in (100, 1000, 10_000)}) == 1


def test_a_text_without_anything_suspicious_is_looked_at_by_no_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise AssertionError("a pattern was tried")

    for rule in RULES:
        monkeypatch.setitem(rule.__dict__, "compiled", type("Refusing", (), {"finditer": refuse}))
    for text in ("/orders/17/items", "user 17 has 3 open orders", "loaded in 0.25 s", "/", "0123456789abcdef" * 2):
        assert redact(text) == text
    with pytest.raises(AssertionError, match="a pattern was tried"):
        redact("bearer abcdef1")
    assert re.compile(RULES[0].pattern)
