# SPDX-License-Identifier: Apache-2.0
"""The file of stubs: what it says, and every way in which it is refused, with the line."""

from pathlib import Path

import pytest

from genapps.laptop.named import SourceError
from genapps.laptop.stubs import CASES, FILE_BYTES, read_stubs

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stubs.yaml"


def test_a_tool_has_one_answer_or_the_first_case_that_fits(file: Path) -> None:
    file.write_text(
        "connectors:\n"
        "  rates:\n"
        "    latest: {result: {rate: 1.08}, delayMillis: 5}\n"
        "    convert:\n"
        "      effect: Read\n"
        "      cases:\n"
        "      - {arguments: {n: 1}, result: null}\n"
        "      - {arguments: {n: 2}, problem: {code: UpstreamFailed, retryAfter: 3}, delayMillis: 7}\n"
    )
    stubs = read_stubs(file)
    latest, convert = stubs.tool("rates", "latest"), stubs.tool("rates", "convert")
    assert latest is not None
    assert convert is not None
    assert latest.effect is None
    answer = latest.answer({"any": 1})
    assert answer is not None
    assert (answer[0].result, answer[1]) == ({"rate": 1.08}, 5)
    none = convert.answer({"n": 1.0})  # equal as JSON
    assert none is not None
    assert (none[0].result, none[1]) == (None, 0)
    failed = convert.answer({"n": 2})
    assert failed is not None
    assert failed[0].problem is not None
    assert failed[1] == 7
    assert failed[0].problem.problem().detail == "The connector failed."
    assert convert.answer({"n": True}) is None
    assert stubs.tool("rates", "gone") is None
    assert stubs.tool("gone", "latest") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be one document with a map"),
        ("- 1\n", "must be one document with a map"),
        ("connectors: {}\n---\nconnectors: {}\n", "must be one document"),
        ("connectors: [\n", "stubs.yaml:2"),
        ("connectors:\n  a: {t: {result: 1}}\n  a: {t: {result: 2}}\n", "stubs.yaml:3: connectors.a: given twice"),
        ("conectors: {}\n", "stubs.yaml:1: conectors: Extra inputs"),
        ("connectors:\n  a:\n    t: {reslt: 1}\n", "stubs.yaml:3: connectors.a.t.reslt"),
        ("connectors: {A_B: {t: {result: 1}}}\n", "connectors.A_B"),
        ("connectors: {a: {t: {}}}\n", "give cases, or one of"),
        ("connectors: {a: {t: {result: 1, problem: {code: UpstreamFailed}}}}\n", "give cases, or one of"),
        ("connectors: {a: {t: {result: 1, cases: [{result: 1}]}}}\n", "give cases, or one of"),
        ("connectors: {a: {t: {cases: []}}}\n", "connectors.a.t.cases"),
        ("connectors: {a: {t: {cases: [{arguments: {}}]}}}\n", "give one of result"),
        ("connectors: {a: {t: {cases: [{arguments: [], result: 1}]}}}\n", "cases[0].arguments"),
        ("connectors: {a: {t: {problem: {code: Nonsense}}}}\n", "problem.code"),
        ("connectors: {a: {t: {result: 1, delayMillis: 600001}}}\n", "less than or equal to 600000"),
        ("connectors: {a: {t: {result: 1, delayMillis: -1}}}\n", "greater than or equal to 0"),
        ("connectors: {a: {t: {result: 1, effect: Erase}}}\n", "effect"),
        ("x: " + "[" * 200 + "]" * 200, "too deeply nested"),
        (BOMB, "too many or too deeply nested"),
    ],
)
def test_a_file_that_says_anything_else_is_refused_with_its_place(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(SourceError) as found:
        read_stubs(file)
    assert said in str(found.value)


def test_a_file_is_bounded(file: Path) -> None:
    one = "    - {result: 1}\n"
    head = "connectors:\n  a:\n   t:\n    cases:\n"
    file.write_text(head + one * CASES)
    assert read_stubs(file).tool("a", "t") is not None
    file.write_text(head + one * (CASES + 1))
    with pytest.raises(SourceError, match=r"connectors\.a\.t\.cases"):
        read_stubs(file)
    file.write_bytes(b"connectors: {}\n#" + b"x" * FILE_BYTES)
    with pytest.raises(SourceError, match="more than 1048576 bytes"):
        read_stubs(file)


def test_a_file_that_is_not_there_or_no_text_is_refused(file: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_stubs(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match="not UTF-8"):
        read_stubs(file)
