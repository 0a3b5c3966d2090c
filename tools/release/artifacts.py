# SPDX-License-Identifier: Apache-2.0
"""The parts of a release, each made into one folder: wheels, chart, bills of materials, images, notes, checksums."""

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path

from tools import helm
from tools.engines import stage_all
from tools.engines.javascript import LOCK
from tools.engines.python import PACKAGES
from tools.images.build import GENAPPS, RUNTIME, archive, building
from tools.release import versions
from tools.release.sbom import Subject, pinned, sbom

ROOT = Path(__file__).resolve().parents[2]
CHECKSUMS = "SHA256SUMS"


def commit_time() -> datetime:
    """When HEAD was committed: the one time that wheels and bills of materials name, so that they can be repeated."""
    return datetime.fromtimestamp(int(_output("git", "log", "-1", "--format=%ct")), UTC)


def wheels(target: Path) -> None:
    """A wheel of each distribution, built by the locked build back end without a network; that of the engines has the
    component of each language."""
    stage_all()
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target))
    epoch = str(int(commit_time().timestamp()))
    for project in versions.PROJECTS:
        _output(*build, folder=(ROOT / project).parent, SOURCE_DATE_EPOCH=epoch)


def chart(target: Path) -> None:
    """The chart as `genapps-<version>.tgz`."""
    helm.package(target)


def bills(target: Path, version: str) -> None:
    """`<distribution>-<version>.cdx.json` for each image."""
    at = commit_time()
    sources = dict(pinned(LOCK.read_text(encoding="utf-8")))
    engine = (
        *((name, installed(name)) for name in ("componentize-py", *PACKAGES)),
        *((name, sources[name]) for name in ("quickjs-ng", "ziglang")),
    )
    for name, lock, built_with in (
        ("genapps", "locks/genapps.txt", ()),
        ("genapps-runtime", "locks/runtime.txt", engine),
    ):
        subject = Subject(name, version, (ROOT / lock).read_text(encoding="utf-8"), built_with)
        (target / f"{name}-{version}.cdx.json").write_text(sbom(subject, at), encoding="utf-8")


def oci_archives(target: Path, version: str) -> None:
    """The images as `<image>-<version>.oci.tar`; a running local node does not get them."""
    with building():
        for image in (GENAPPS, RUNTIME):
            _, built = archive(image)
            shutil.copyfile(built, target / f"{image.name}-{version}.oci.tar")


def notes(target: Path, version: str) -> None:
    """The changes of this version as `NOTES.md`: from the fragments, or from CHANGELOG.md once they are collected."""
    if versions.collected(ROOT):
        _, _, text = (ROOT / versions.CHANGELOG).read_text(encoding="utf-8").partition("\n## ")
        text = "## " + text.partition("\n## ")[0].rstrip()
    else:
        text = _output(sys.executable, "-m", "towncrier", "build", "--draft", "--version", version).strip()
    (target / "NOTES.md").write_text(text + "\n", encoding="utf-8")


def checksums(target: Path) -> list[Path]:
    """`SHA256SUMS` over every other file of the folder, which it returns."""
    files = sorted(path for path in target.iterdir() if path.name != CHECKSUMS)
    (target / CHECKSUMS).write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in files), encoding="utf-8")
    return files


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _output(*command: str, folder: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
