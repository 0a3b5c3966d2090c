# SPDX-License-Identifier: Apache-2.0
"""What tests ask of a page of Markdown: its blocks of code, its links, and what it names in backticks."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = ("README.md", "CONTRIBUTING.md", "AGENTS.md", "SECURITY.md", "RELEASE.md")


class Block(NamedTuple):
    """One block of code: the language after its fence (may be empty) and the text."""

    page: str
    language: str
    text: str


def pages() -> list[str]:
    """Every page for people, relative to the root: those of the top level that exist, and all of docs."""
    listed = [ROOT / name for name in TOP_LEVEL if (ROOT / name).exists()]
    return [str(path.relative_to(ROOT)) for path in (*listed, *sorted((ROOT / "docs").rglob("*.md")))]


def text_of(page: str) -> str:
    """The whole page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """The blocks of code of a page, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)
    return [Block(page, language, text) for language, text in found]


def prose(page: str) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```\n", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def links(page: str) -> list[str]:
    """Where the page links to, without addresses of the web and without fragments."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


def named(page: str) -> list[str]:
    """Everything in single backticks."""
    return re.findall(r"`([^`\n]+)`", prose(page))
