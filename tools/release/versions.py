# SPDX-License-Identifier: Apache-2.0
"""One version: where it is written, and whether all those places and the changelog agree."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ENGINES = "runtime-image/engines/distribution/pyproject.toml"
PROJECTS = ("pyproject.toml", "runtime-image/pyproject.toml", ENGINES, "verify/pyproject.toml")
DOCKERFILES = ("operator/Dockerfile", "runtime-image/Dockerfile")
CHART = "charts/genapps/Chart.yaml"
CHANGELOG = "CHANGELOG.md"
FRAGMENTS = "changelog.d"

_VERSION_ARGUMENT = re.compile(r"^ARG VERSION=(\S+)$", re.MULTILINE)
_SECTION = re.compile(r"^## (\d\S*)", re.MULTILINE)


def declared(root: Path) -> dict[str, str]:
    """The version by the place that declares it; an empty text where the place declares none."""
    chart = yaml.safe_load((root / CHART).read_text(encoding="utf-8"))
    return {
        **{name: tomllib.loads(_read(root / name)).get("project", {}).get("version", "") for name in PROJECTS},
        **_needed(tomllib.loads(_read(root / PROJECTS[0]))),
        f"{CHART} version": str(chart.get("version", "")),
        f"{CHART} appVersion": str(chart.get("appVersion", "")),
        **{name: _first(_VERSION_ARGUMENT, _read(root / name)) for name in DOCKERFILES},
    }


def fragments(root: Path) -> list[Path]:
    """The changes that no release has told yet, one file each."""
    return sorted(path for path in (root / FRAGMENTS).glob("*.md") if path.name != "README.md")


def collected(root: Path) -> bool:
    """Whether CHANGELOG.md begins with a section for the project's version."""
    newest = _first(_SECTION, _read(root / CHANGELOG))
    return newest == declared(root)[PROJECTS[0]]


def faults(root: Path, *, final: bool) -> list[str]:
    """What keeps this tree from being released, one sentence each; empty when nothing does.

    Before the final run the changelog need not have a section for the version yet: the fragments become it.
    """
    found = declared(root)
    wanted = found[PROJECTS[0]]
    problems = [
        f"{place} declares version {version or '(none)'}, {PROJECTS[0]} declares {wanted}."
        for place, version in found.items()
        if version != wanted
    ]
    waiting = len(fragments(root))
    if collected(root) and waiting:
        problems.append(
            f"{CHANGELOG} already has a section for {wanted}, and {FRAGMENTS}/ holds {waiting} more: raise the version."
        )
    elif final and not collected(root):
        problems.append(f"{CHANGELOG} has no section for {wanted}: collect the {waiting} fragments of {FRAGMENTS}/.")
    return problems


def _needed(project: dict[str, Any]) -> dict[str, str]:
    """The versions of our own distributions that an extra of the first one needs."""
    needed = project.get("project", {}).get("optional-dependencies", {}).get("dev", [])
    return {f"{PROJECTS[0]} {name}": version for name, _, version in (each.partition("==") for each in needed)}


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
