# SPDX-License-Identifier: Apache-2.0
"""Our JavaScript of a TypeScript file against that of Node.js: the same code, in the same places."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from genapps.cli.typescript.erase import erase_types
from tests.oracles.typescript.programs import PROGRAMS
from tests.oracles.typescript.stripper import Stripper, shipped, stripper
from tests.unit.cli.typescript.cases import ERASED, REFUSED

ONLY_NODE_REFUSES = {"modifiers": "`override` in a class that extends nothing"}
ONLY_WE_REFUSE = {
    "a decorator": "Node.js leaves it for an engine that knows it",
    "a decorator of a method": "Node.js leaves it for an engine that knows it",
    "a cast that a power follows": "what is left is no JavaScript",
    "a long name after as": "our grammar does not read it",
    "a list on the line after a type": "our grammar does not tell the two readings apart",
    "a list on the line after a cast in a field": "our grammar does not tell the two readings apart",
    "a template on the line after a type": "our grammar does not tell the two readings apart",
    "type arguments of a template": "our grammar does not tell the two readings apart",
}
SHIPPED = {"read by both": 54, "refused by both": 20}


@pytest.fixture(scope="module")
def node() -> Iterator[Stripper]:
    with stripper() as process:
        yield process


def _erased(text: str) -> str | None:
    try:
        return erase_types("a.ts", text)
    except ValueError:
        return None


def _code(text: str) -> list[tuple[int, str]]:
    """Each character of the code with its place. Where a semicolon stands is free, where brackets stand is not told."""
    found = [(place, one) for place, one in enumerate(text) if not one.isspace() and one not in ";\ufeff"]
    return [(0 if one in "()" else place, one) for place, one in found]


def _is_same(ours: str, theirs: str) -> bool:
    """But for specifiers of files, which name what those become."""
    theirs = " " * (len(ours) - len(theirs)) + theirs  # without a mark of the byte order
    if len(ours) != len(theirs):
        return False
    mine, other = _code(ours), _code(theirs)
    return len(mine) == len(other) and all(
        one == two or (one[0] == two[0] and one[1] == "j" and ours[one[0] + 1] == "s" and two[1] == "t")
        for one, two in zip(mine, other, strict=True)
    )


def _judge(node: Stripper, text: str) -> str:
    ours, theirs = _erased(text), node.strip(text)
    if ours is None:
        return "only we refuse" if theirs is not None else "refused by both"
    if theirs is None:
        return "only Node.js refuses"
    if node.parses(theirs) and not node.parses(ours):
        return f"no module: {ours}"
    return "read by both" if _is_same(ours, theirs) else f"we: {ours}\nNode.js: {theirs}"


@pytest.mark.parametrize(("name", "text", "_"), ERASED, ids=[name for name, *_ in ERASED])
def test_what_we_erase_node_erases(node: Stripper, name: str, text: str, _: str) -> None:
    expected = "only Node.js refuses" if name in ONLY_NODE_REFUSES else "read by both"
    assert _judge(node, text) == expected


@pytest.mark.parametrize(("name", "text"), [row[:2] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_we_refuse_node_refuses(node: Stripper, name: str, text: str) -> None:
    assert _judge(node, text) == ("only we refuse" if name in ONLY_WE_REFUSE else "refused by both")


def test_files_that_others_ship_become_the_same(node: Stripper) -> None:
    found: dict[str, list[str]] = {}
    for path in shipped():
        with path.open(encoding="utf-8", newline="") as file:
            found.setdefault(_judge(node, file.read()), []).append(path.name)
    assert {judgement: len(files) for judgement, files in found.items()} == SHIPPED, found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=PROGRAMS)
def test_programs_of_any_shape_become_the_same(node: Stripper, text: str) -> None:
    theirs = node.strip(text)
    if theirs is not None and node.parses(theirs):
        assert _judge(node, text) in ("read by both", "only we refuse")
