# SPDX-License-Identifier: Apache-2.0
"""Problem documents, and hostile text in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps_runtime.problems import CODES, ProblemError, printable


@pytest.mark.parametrize("code", CODES)
def test_every_problem_is_an_error_status_with_a_title(code: str) -> None:
    problem = ProblemError(code)
    assert 400 <= problem.status <= 599
    assert f'"code":"{code}"' in problem.body("r").decode()


PRIVATE = {
    "AppFailed", "AppUnavailable", "GuestTrapped", "MemoryExceeded", "ResponseInvalid", "ToolFailed", "TurnInvalid",
}  # fmt: skip
"""Their details quote the app; every other detail is the platform's, or the app's own answer (`BadRequest`)."""


@pytest.mark.parametrize("code", CODES)
def test_what_an_app_says_when_it_fails_is_for_the_log_unless_debug_is_in_force(code: str) -> None:
    problem = ProblemError(code, "the number of somebody else")
    assert ("somebody" not in problem.body("r").decode()) == (code in PRIVATE)
    assert "somebody" in problem.body("r", debug=True).decode()
    assert "somebody" in problem.detail, "the log has it"


@given(st.text())
def test_printable_text_has_no_control_characters(text: str) -> None:
    assert printable(text).isprintable()
