# SPDX-License-Identifier: Apache-2.0
import pytest

from tools.prose import COLUMNS, faults

LONG = "word " * 30


@pytest.mark.parametrize(
    ("what", "path", "text", "said"),
    [
        ("a long line of prose", "docs/a.md", LONG, f"{len(LONG)} columns"),
        ("a word of the house in a text", "docs/a.md", "The ears hear it.", "write watches"),
        ("a word of the house in a name", "tools/a.py", "standing = 1", "write state"),
        ("a person with a gender", "docs/a.md", "A tenant and his app.", "write they"),
        ("another markup in a docstring", "tools/a.py", '"""See ``this``."""', "single ones"),
    ],
)
def test_a_fault_is_named_with_its_line(what: str, path: str, text: str, said: str) -> None:
    found = [str(fault) for fault in faults(path, f"fine\n{text}\n")]
    assert len(found) == 1, what
    assert found[0].startswith(f"{path}:2: ")
    assert said in found[0]


@pytest.mark.parametrize(
    ("what", "path", "text"),
    [
        ("a row of a table", "docs/a.md", f"| {LONG} |"),
        ("a block of code", "docs/a.md", f"```\n{LONG}\n```"),
        ("what cannot be broken", "docs/a.md", "- " + "x" * COLUMNS),
        ("a line of exactly as many columns", "docs/a.md", "a " + "x" * (COLUMNS - 2)),
        ("ordinary English in a text", "docs/a.md", "A standing order ends by itself."),
        ("part of another word", "docs/a.md", "Years, this, understanding."),
        ("a generated page", "docs/reference.md", LONG),
        ("a long line of code, which ruff judges", "tools/a.py", "x = 1  # " + LONG),
    ],
)
def test_what_is_no_fault(what: str, path: str, text: str) -> None:
    assert list(faults(path, text)) == [], what
