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


@given(st.text())
def test_printable_text_has_no_control_characters(text: str) -> None:
    assert printable(text).isprintable()
