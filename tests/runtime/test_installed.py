# SPDX-License-Identifier: Apache-2.0
"""Our own wheels are enough to write an app: installed into a fresh environment, they make, run and test one."""

import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import urllib.request
from pathlib import Path

import pytest

from genapps.laptop.engine import compiled
from tools import engines
from tools.engines.places import ROOT
from tools.release import artifacts

NEEDED = ("genapps", "genapps-engines", "genapps-runtime")
"""What `genapps[dev]` installs of ours."""
OURS = ("genapps", "__editable__", "_editable", "_genapps", "__pycache__")


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has our wheels, and of everything else what this one has."""
    tmp_path = tmp_path_factory.mktemp("installed")
    wheels, environment = tmp_path / "wheels", tmp_path / "environment"
    wheels.mkdir()
    artifacts.wheels(wheels)
    run(sys.executable, "-m", "venv", "--without-pip", environment, folder=tmp_path)
    others = tmp_path / "others"
    others.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith(OURS):
            (others / package.name).symlink_to(package)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{others}\n")
    # As pip would, in a tenth of the time. uv does not see the others: `--no-deps`, and the extra is looked at below.
    uv = (Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--offline", "--no-index", "--no-deps")
    run(*uv, "--python", environment, "--find-links", wheels, *NEEDED, folder=tmp_path)
    return environment / "bin"


LICENCES = {
    "LLVM.txt": "LLVM Exceptions",
    "Zig.txt": "Zig contributors",
    "wasi-libc.txt": "multi-licensed",
    "wasi-libc-musl.txt": "musl as a whole",
    "python/CPython.txt": "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2",
    "python/CPython-incorporated.txt": "SQLite",
    "python/componentize-py.txt": "Apache License",
    "python/tzdata.txt": "Apache",
    "javascript/QuickJS-ng.txt": "Fabrice Bellard",
}
"""What the engines contain, and words of its licence."""


def test_the_engines_come_with_the_licences_of_what_is_in_them(installed: Path) -> None:
    (folder,) = installed.parent.glob("lib/python*/site-packages/genapps_engines/licenses")
    for name, words in LICENCES.items():
        assert words in (folder / name).read_text(encoding="utf-8"), name


def first_steps() -> list[list[str]]:
    """The commands of README.md from the release on, as words."""
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition("## First on your machine\n")
    blocks = re.findall(r"^```\n(.*?)^```", rest.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]


def test_the_first_steps_of_the_readme_write_serve_and_render_an_app(installed: Path, tmp_path: Path) -> None:
    release, venv, install, new, new_javascript, dev, curl, render = first_steps()
    assert [release[:2], venv[:3], install[:2]] == [["make", "release"], ["python3", "-m", "venv"], ["pip", "install"]]
    environment = {"GENAPPS_ENGINE": str(engines.precompiled()), "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"}
    for command in (new, new_javascript):
        run(*command, folder=tmp_path, **environment)
    command = [*dev, "--port", "0"]  # another test may have the usual one
    with subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        here = process.stdout.readline().split()[0]
        with urllib.request.urlopen(here + curl[1].removeprefix("http://127.0.0.1:8787"), timeout=60) as answer:
            assert answer.read() == b'{"hello": "you", "visits": 1}'
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().endswith("ended\n")
    assert process.returncode == 0
    manifest = run(*render[: render.index("|")], folder=tmp_path, **environment)
    assert "kind: GeneratedApp" in manifest
    assert "namespace: finance" in manifest


@pytest.mark.parametrize("language", list(engines.SOURCES))
def test_a_new_app_is_made_served_and_tested_by_our_wheels_alone(
    language: str, installed: Path, tmp_path: Path
) -> None:
    (about,) = installed.parent.glob("lib/python*/site-packages/genapps-*.dist-info/METADATA")
    needed = re.findall(r"^Requires-Dist: (\S+)==.*; extra == 'dev'$", about.read_text(), re.MULTILINE)
    assert {"genapps", *needed} == {*NEEDED}
    cache = tmp_path / "cache"
    (package,) = installed.parent.glob(f"lib/python*/site-packages/genapps_engines/{language}.wasm")
    place = compiled(package, language, {"XDG_CACHE_HOME": str(cache)})
    assert package.read_bytes() == engines.component(language).read_bytes()
    place.symlink_to(engines.precompiled(language))  # compiling takes long; tests/unit/laptop/test_engine.py compiles
    environment = {"XDG_CACHE_HOME": str(cache), "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"}
    run(installed / "genapps", "new", "greeter", "--language", language, folder=tmp_path, **environment)
    said = run(installed / "python", "-m", "pytest", "-q", "greeter", folder=tmp_path, **environment)
    assert "2 passed" in said
