# SPDX-License-Identifier: Apache-2.0
"""What pages point at exists: links, paths of files and folders, targets of make, subcommands of genapps."""

import re
from collections import Counter

import pytest

from genapps.cli.main import main
from tests.support.markdown import ROOT, blocks, links, named, pages, prose, text_of

NAMING_PATHS = [
    page for page in pages() if page.count("/") == 0 or page in {f"docs/{name}.md" for name in (
        "README", "architecture", "development", "benchmarks", "api-stability",
    )}
]  # fmt: skip
BASES = tuple(
    ROOT / folder
    for folder in (
        "", "docs", "operator/src", "operator/src/genapps", "operator/src/genapps/controller",
        "operator/src/genapps/gateway", "runtime-image/src", "runtime-image/src/genapps_runtime",
        "charts/genapps", "charts/genapps/templates", "charts/genapps/templates/admission",
        "tests/golden/desired/minimal",
    )
)  # fmt: skip
"""What a path may be relative to; a page says which."""
MADE = ("build/", "changelog.d/", ".venv", "~", "dist/")
"""Written by a target, and so not there in a fresh checkout."""
FILE = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.(?:py|md|yaml|yml|svg|toml|cfg|tpl)")
PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*")
LONG_PARAGRAPH = 60
"""Characters: shorter ones may well be said again."""
NO_PATH = re.compile(r"(?:genapps\.dev|apprecords|generatedapps|appbudgets|connectors|nodes|deploy)/")
"""API group, subresources of Kubernetes, and what kubectl calls an object."""


def exists(path: str) -> bool:
    return any((base / path).exists() for base in BASES)


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    assert [target for target in links(page) if not (folder / target).exists()] == []


@pytest.mark.parametrize("page", NAMING_PATHS)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    paths = [word for word in named(page) if FILE.fullmatch(word) or PATH.fullmatch(word)]
    paths = [path for path in paths if not path.startswith(MADE) and not NO_PATH.match(path)]
    assert [path for path in paths if not exists(path)] == []


def test_every_file_that_a_decision_names_exists() -> None:
    decisions = [page for page in pages() if page.startswith("docs/design/")]
    paths = {word for page in decisions for word in named(page) if FILE.fullmatch(word)}
    named_by_others = {"uv.lock", "pylock.toml", "values.yaml", "test_properties.py", "test_revisions_restart.py"}
    assert sorted(path for path in paths - named_by_others if not exists(path)) == []


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), re.MULTILINE))
    for page in pages():
        commands = [word for word in named(page) if word.startswith("make ")]
        commands += re.findall(r"^\s*(make [a-z].*)$", "".join(block.text for block in blocks(page)), re.MULTILINE)
        words = [word for line in commands for word in line.partition("#")[0].split()[1:]]
        asked = {word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)}
        assert asked <= targets, page


def test_every_subcommand_that_a_page_names_exists() -> None:
    for page in pages():
        sources = [*named(page), *(block.text for block in blocks(page) if block.language in ("", "sh"))]
        asked = {
            found for source in sources for found in re.findall(r"^(?:\$ )?genapps ([a-z]+)", source, re.MULTILINE)
        }
        assert asked <= set(main.commands), page


@pytest.mark.parametrize("page", pages())
def test_no_page_says_a_section_or_a_paragraph_twice(page: str) -> None:
    """As after a merge that has kept both sides."""
    places: list[tuple[str, ...]] = []
    for marks, title in re.findall(r"^(#+) (.*)$", prose(page), re.MULTILINE):
        above = places[-1] if places else ()
        places.append((*above[: len(marks) - 1], title))
    paragraphs = [found for found in map(str.strip, prose(page).split("\n\n")) if len(found) > LONG_PARAGRAPH]
    assert [found for found, times in Counter([*places, *paragraphs]).items() if times > 1] == []


def test_the_index_names_every_page() -> None:
    linked = {target.removesuffix("README.md").rstrip("/") for target in links("docs/README.md")}
    own = {path.name for path in (ROOT / "docs").iterdir() if path.suffix == ".md" or path.is_dir()}
    assert own - {"README.md"} <= linked


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").split()) <= 700


def test_every_word_of_the_glossary_is_explained_in_one_sentence_and_in_order() -> None:
    _, _, glossary = prose("docs/README.md").partition("## Glossary")
    rows = [line.strip("| ").split(" | ") for line in glossary.splitlines() if line.startswith("| ")][1:]
    assert 20 <= len(rows) <= 40
    assert [word for word, _ in rows] == sorted(word for word, _ in rows)
    assert [word for word, meaning in rows if not meaning.endswith(".") or ". " in meaning] == []
