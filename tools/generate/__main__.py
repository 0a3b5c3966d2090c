# SPDX-License-Identifier: Apache-2.0
"""Writes every file that is derived from code (`make manifests`), or says which ones differ (`make verify`).

A generator is a module with a function `files()` that returns texts by path (relative to the root), and with
`FOLDERS`, those in which nothing else may lie. To add one, name it in GENERATORS.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATORS = (
    "tools.generate.crds",
    "tools.generate.docs",
    "tools.generate.modules",
    "tools.generate.chart",
    "tools.generate.argocd",
    "tools.generate.picture",
)


def main() -> int:
    """Exit status 1 when --check finds a difference."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check: bool = arguments.parse_args().check
    stale = [path for name in GENERATORS for path in _generate(name, check=check)]
    for path in stale:
        print(f"{path} differs from its source" if check else f"wrote {path}")
    if check and stale:
        print("run `make manifests` and commit the result", file=sys.stderr)
        return 1
    return 0


def _generate(name: str, *, check: bool) -> list[str]:
    generator = importlib.import_module(name)
    wanted: Mapping[str, str] = generator.files()
    folders: tuple[str, ...] = generator.FOLDERS
    strays = [
        file
        for folder in folders
        for file in sorted((ROOT / folder).glob("*"))
        if str(file.relative_to(ROOT)) not in wanted
    ]
    differing = [path for path, text in wanted.items() if _read(ROOT / path) != text]
    if not check:
        for path in differing:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(wanted[path])
        for file in strays:
            file.unlink()
    return differing + [str(file.relative_to(ROOT)) for file in strays]


def _read(file: Path) -> str | None:
    return file.read_text() if file.exists() else None


if __name__ == "__main__":
    sys.exit(main())
