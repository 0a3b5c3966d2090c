# SPDX-License-Identifier: Apache-2.0
"""The Python engine: CPython with our modules, by componentize-py."""

import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tools.engines.places import ROOT
from tools.engines.processes import run

WIT = ROOT / "runtime-image" / "wit"
PACKAGES = ("tzdata",)
"""Packages that the engine takes in, from the locked development dependencies."""


def build(folder: Path, target: Path) -> None:
    """Build the engine from the sources in `folder`."""
    with tempfile.TemporaryDirectory(prefix="genapps-engine-") as place:
        # A copy, because the build leaves its byte code beside the sources.
        left_out = shutil.ignore_patterns("__pycache__")
        sources = shutil.copytree(folder, Path(place) / folder.name, ignore=left_out)
        packages = Path(place) / "packages"
        for package in PACKAGES:
            spec = find_spec(package)
            assert spec is not None
            shutil.copytree(Path(spec.origin or "").parent, packages / package, ignore=left_out)
        command = str(Path(sys.executable).with_name("componentize-py"))
        paths = ["-p", str(sources), "-p", str(packages)]
        arguments = ["-d", str(WIT), "-w", "app", "componentize", *paths, "engine", "-o", str(target)]
        run([command, "--quiet", *arguments])
