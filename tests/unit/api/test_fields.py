# SPDX-License-Identifier: Apache-2.0
"""Patterns become strings of CEL: what would end or escape such a string is refused before the API server sees it."""

import pytest

from genapps.api.fields import Form


@pytest.mark.parametrize("pattern", [r"^\d+$", "^(\\*|x)$", "^'$"])
def test_a_pattern_that_is_no_string_of_cel_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="string of CEL"):
        Form(pattern, "write a number")


def test_other_patterns_are_taken() -> None:
    assert Form("^[*]|[.]$", "write a star").pattern == "^[*]|[.]$"
