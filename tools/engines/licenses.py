# SPDX-License-Identifier: Apache-2.0
"""The licences of what the engines contain: texts of the locked packages that they are built from, of the same version.

componentize-py brings a CPython that is compiled already, without the licences of CPython and of what is in it. Those
are in `runtime-image/engines/licenses`.
"""

import shutil
from importlib.metadata import distribution
from pathlib import Path

from tools.engines.javascript import fetched
from tools.engines.places import ROOT
from tools.engines.python import PACKAGES

COMMITTED = ROOT / "runtime-image" / "engines" / "licenses"
_TEXTS = {
    "LICENSE": "Zig.txt",
    "lib/libcxx/LICENSE.TXT": "LLVM.txt",
    "lib/libc/wasi/LICENSE": "wasi-libc.txt",
    "lib/libc/wasi/LICENSE-APACHE": "wasi-libc-Apache.txt",
    "lib/libc/wasi/LICENSE-APACHE-LLVM": "wasi-libc-Apache-LLVM.txt",
    "lib/libc/wasi/LICENSE-MIT": "wasi-libc-MIT.txt",
    "lib/libc/wasi/libc-bottom-half/cloudlibc/LICENSE": "wasi-libc-cloudlibc.txt",
    "lib/libc/wasi/libc-top-half/musl/COPYRIGHT": "wasi-libc-musl.txt",
}
"""Of ziglang: the runtime of its compiler, and the C library. The engine for Python has those of wasi-sdk, of the same
sources."""


def write(folder: Path) -> None:
    """Put all texts into the folder, in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(COMMITTED, folder)
    for package in ("componentize-py", *PACKAGES):
        _of_package(package, folder / "python")
    home = fetched()
    (folder / "javascript").mkdir()
    (folder / "javascript" / "QuickJS-ng.txt").write_text(_first_comment(home / "quickjs" / "quickjs.c"), "utf-8")
    (ziglang,) = home.glob("venv/lib/python*/site-packages/ziglang")
    for source, name in _TEXTS.items():
        shutil.copyfile(ziglang / source, folder / name)


def _of_package(package: str, folder: Path) -> None:
    """What the package calls its licences, and the list of what was compiled into it where it has one."""
    found = [path for path in distribution(package).files or () if ".dist-info/" in str(path)]
    for path in found:
        if "/licenses/" in str(path) or "/sboms/" in str(path):
            suffix = ".json" if path.suffix == ".json" else ".txt"
            name = package if path.stem == "LICENSE" or suffix == ".json" else f"{package}-{path.stem}"
            shutil.copyfile(Path(str(path.locate())), folder / f"{name}{suffix}")


def _first_comment(source: Path) -> str:
    """QuickJS-ng has no other text in its source distribution. Raises SystemExit where that is no licence."""
    comment = source.read_text(encoding="utf-8").partition("*/")[0].removeprefix("/*")
    if "Permission is hereby granted" not in comment:
        raise SystemExit(f"{source.name} does not begin with its licence")
    return "\n".join(line.removeprefix(" *").removeprefix(" ") for line in comment.splitlines()).strip() + "\n"
