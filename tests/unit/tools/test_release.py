# SPDX-License-Identifier: Apache-2.0
"""A release has one version, a changelog that tells of it, and bills of materials that list what its images hold."""

import importlib.resources
import json
import re
import shutil
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest

from tools.release import artifacts, versions
from tools.release.sbom import Subject, pinned, sbom

PLACES = (*versions.PROJECTS, *versions.DOCKERFILES, versions.CHART)
VERSION = versions.declared(artifacts.ROOT)["pyproject.toml"]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LOCK = """\
click==8.5.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
pyjwt[crypto]==2.15.0 \\
    --hash=sha256:dd
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files that declare a version, a changelog without a section, and one fragment."""
    for name in PLACES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(artifacts.ROOT / name, tmp_path / name)
    (tmp_path / versions.CHANGELOG).write_text("# Changelog\n\n<!-- towncrier release notes start -->\n")
    (tmp_path / versions.FRAGMENTS).mkdir()
    (tmp_path / versions.FRAGMENTS / "README.md").write_text("How to.\n")
    (tmp_path / versions.FRAGMENTS / "8.fix.md").write_text("Something works.\n")
    return tmp_path


def test_this_tree_declares_one_version_everywhere() -> None:
    assert set(versions.declared(artifacts.ROOT).values()) == {VERSION}


def test_a_tree_with_one_version_and_changes_to_tell_can_be_released(tree: Path) -> None:
    assert versions.faults(tree, final=False) == []


def _replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("place", "change", "named"),
    [
        ("runtime-image/pyproject.toml", _replaced(f'version = "{VERSION}"', 'version = "9.9.9"'), "9.9.9"),
        ("operator/Dockerfile", _replaced(f"ARG VERSION={VERSION}", "ARG VERSION=9.9.9"), "9.9.9"),
        ("runtime-image/Dockerfile", _replaced(f"ARG VERSION={VERSION}\n", ""), "(none)"),
        ("charts/genapps/Chart.yaml", _replaced(f"\nversion: {VERSION}", "\nversion: 9.9.9"), "9.9.9"),
        ("charts/genapps/Chart.yaml", _replaced(f"appVersion: {VERSION}", "appVersion: 9.9.9"), "9.9.9"),
    ],
)
def test_a_place_with_another_version_is_named(
    tree: Path, place: str, change: Callable[[str], str], named: str
) -> None:
    (tree / place).write_text(change((tree / place).read_text()))
    (fault,) = versions.faults(tree, final=False)
    assert fault.startswith(place)
    assert named in fault


def test_a_version_that_is_in_the_changelog_takes_no_further_changes(tree: Path) -> None:
    with (tree / versions.CHANGELOG).open("a") as changelog:
        changelog.write(f"\n## {VERSION} (2026-11-23)\n\n### Fixes\n")
    assert versions.faults(tree, final=False) == [
        f"CHANGELOG.md already has a section for {VERSION}, and changelog.d/ holds 1 more: raise the version."
    ]
    (tree / versions.FRAGMENTS / "8.fix.md").unlink()
    assert versions.faults(tree, final=False) == []


def test_the_final_run_wants_the_changelog_to_tell_of_the_version(tree: Path) -> None:
    assert versions.faults(tree, final=True) == [
        f"CHANGELOG.md has no section for {VERSION}: collect the 1 fragments of changelog.d/."
    ]


def test_what_an_image_does_not_install_is_not_listed() -> None:
    assert list(pinned(LOCK)) == [("click", "8.5.1"), ("pyjwt", "2.15.0")]


@pytest.mark.parametrize(("name", "least"), [("genapps", 20), ("runtime", 3)])
def test_every_package_of_a_lock_is_read(name: str, least: int) -> None:
    lock = (artifacts.ROOT / "locks" / f"{name}.txt").read_text()
    pins = [line for line in lock.splitlines() if line[:1].isalnum() and "win32" not in line]
    assert len(list(pinned(lock))) == len(pins) >= least


def test_a_bill_is_valid_and_the_same_each_time() -> None:
    subject = Subject("genapps", "1.2.3", LOCK, (("componentize-py", "0.25.1"),))
    text = sbom(subject, NOW)
    assert text == sbom(subject, NOW)
    bill = json.loads(text)
    assert {part["purl"] for part in bill["components"]} == {
        "pkg:pypi/click@8.5.1",
        "pkg:pypi/componentize-py@0.25.1",
        "pkg:pypi/pyjwt@2.15.0",
    }
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/genapps@1.2.3"
    _validate(bill)


def _validate(bill: object) -> None:
    """Against CycloneDX' own schemas, which the library brings."""
    folder = importlib.resources.files("cyclonedx.schema") / "_res"
    names = [f"{name}.SNAPSHOT.schema.json" for name in ("bom-1.6", "spdx", "jsf-0.82")]
    schemas = {f"http://cyclonedx.org/schema/{name}": json.loads((folder / name).read_text("utf-8")) for name in names}
    registry = jsonschema_rs.Registry(list(schemas.items()))
    jsonschema_rs.Draft7Validator(next(iter(schemas.values())), registry=registry).validate(bill)


def test_every_fragment_has_a_known_type_and_a_name_that_towncrier_tells_apart_from_others() -> None:
    settings = tomllib.loads((artifacts.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    types = "|".join(kind["directory"] for kind in settings["type"])
    names = [path.name for path in versions.fragments(artifacts.ROOT)]
    # What follows the type counts only when it is a number.
    told = [re.match(rf"(\d+|\+[\w-]+)\.({types})(\.\d+)?\.", name) for name in names]
    assert [name for name, match in zip(names, told, strict=True) if match is None] == []
    found = [match[0] for match in told if match is not None]
    assert sorted(set(found)) == sorted(found)


def test_the_licence_in_both_distributions_is_one() -> None:
    for name in ("LICENSE", "NOTICE"):
        own = (artifacts.ROOT / name).read_bytes()
        assert own == (artifacts.ROOT / "runtime-image" / name).read_bytes()


def test_both_packages_are_typed() -> None:
    for package in ("operator/src/genapps", "runtime-image/src/genapps_runtime"):
        assert (artifacts.ROOT / package / "py.typed").is_file()
