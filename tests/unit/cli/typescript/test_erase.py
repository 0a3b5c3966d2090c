# SPDX-License-Identifier: Apache-2.0
"""Types are blanked, and nothing else: what is left is JavaScript in which everything has its place."""

import re
from contextlib import suppress

import pytest
import tree_sitter_javascript
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Language, Parser

from genapps.cli.typescript.erase import erase_types
from genapps.cli.typescript.text import TypeScriptError
from tests.unit.cli.typescript.cases import ERASED, REFUSED

JAVASCRIPT = Parser(Language(tree_sitter_javascript.language()))
ENDS = re.compile("[\n\r\u2028\u2029]")
WRITTEN = ";()j"
"""What may be in the place of something else, beside a blank."""


def squeezed(code: str) -> str:
    """Without the blanks that mean nothing."""
    return re.sub(r";+", ";", re.sub(r"[ \t]*([^\w$\s]|[\r\n]+|^|$)[ \t]*", r"\1", re.sub(r"[ \t]+", " ", code)))


def is_javascript(code: str) -> bool:
    return not JAVASCRIPT.parse(code.removeprefix("\ufeff").encode()).root_node.has_error


@pytest.mark.parametrize(("source", "left"), [row[1:] for row in ERASED], ids=[row[0] for row in ERASED])
def test_what_is_left_is_the_code(source: str, left: str) -> None:
    assert squeezed(erase_types("a.ts", source)) == squeezed(left)


@pytest.mark.parametrize("source", [row[1] for row in ERASED], ids=[row[0] for row in ERASED])
def test_every_character_keeps_its_place(source: str) -> None:
    found = erase_types("a.ts", source)
    assert len(found) == len(source)
    assert [end.start() for end in ENDS.finditer(found)] == [end.start() for end in ENDS.finditer(source)]
    changed = {new for new, old in zip(found, source, strict=True) if new != old}
    assert changed <= {" ", *WRITTEN}
    assert is_javascript(found)
    assert erase_types("a.ts", found) == found


@given(st.lists(st.sampled_from(ERASED), max_size=6))
def test_a_part_of_a_file_is_erased_alike_wherever_it_is(rows: list[tuple[str, str, str]]) -> None:
    sources = [row[1].strip("\ufeff\r\n") for row in rows]
    found = erase_types("a.ts", ";\n".join(sources))
    assert squeezed(found) == squeezed(";\n".join(erase_types("a.ts", source) for source in sources))
    assert is_javascript(found)


@pytest.mark.parametrize(
    ("source", "line", "column", "says"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_needs_code_to_be_made_is_refused_with_its_place(source: str, line: int, column: int, says: str) -> None:
    with pytest.raises(TypeScriptError) as refused:
        erase_types("lib/a.ts", source)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert says in refused.value.message
    assert str(refused.value).startswith(f"lib/a.ts, line {line}, column {column}: ")


PIECES = [*"(){}<>[]:;,?!=|&.`'\"/\n ", "a", "as ", "type ", "class ", "=>", "${"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_whatever_the_text_is_it_is_erased_or_refused(source: str) -> None:
    with suppress(TypeScriptError):
        assert len(erase_types("a.ts", source)) == len(source)


def test_deep_nesting_is_no_harm() -> None:
    source = f"let a: b = {'(' * 5000}1{')' * 5000}"
    assert erase_types("a.ts", source) == source.replace(": b", "   ")
