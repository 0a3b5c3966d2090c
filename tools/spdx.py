# SPDX-License-Identifier: Apache-2.0
"""Holds the rule that every source file names its licence in one of its first 3 lines.

`python -m tools.spdx` lists the files that do not and fails when there is one; `--fix` writes the line,
below a shebang. Generated files, golden files and the apps in `examples/`, which people copy, are left alone.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

IDENTIFIER = "SPDX-License-Identifier: Apache-2.0"
WITHIN = 3
"""Lines from the top in which the identifier has to stand."""

COMMENTS = {".py": "#", ".sh": "#", ".go": "//", ".mjs": "//", ".wit": "//", ".lua": "--", ".capnp": "#"}
NAMED = {"Dockerfile": "#", "Makefile": "#", "run": "#"}
"""Files without a suffix that are source as well."""
EXCLUDED = (
    "deploy/argocd/genapps.dev/AppBudget/health.lua",  # a copy that `make manifests` writes
    "examples/",
    "tests/runtime/corpus/",  # as users bring them
)
"""Beginnings of paths. Golden files are data (YAML, nftables), which needs no header anyway."""


def comment(name: str) -> str | None:
    """What begins a comment in that file (a path from the root), or None when it needs no header."""
    path = PurePosixPath(name)
    if name.startswith(EXCLUDED):
        return None
    return COMMENTS.get(path.suffix) if path.suffix else NAMED.get(path.name)


def has_header(text: str) -> bool:
    """Whether the identifier stands near the top."""
    return any(line.rstrip().endswith(IDENTIFIER) for line in text.splitlines()[:WITHIN])


def with_header(text: str, mark: str) -> str:
    """The text with the identifier as its first line, or its second where the first is a shebang."""
    first, _, rest = text.partition("\n")
    line = f"{mark} {IDENTIFIER}\n"
    if first.startswith("#!"):
        return f"{first}\n{line}{rest}"
    return line + text


def lacking(root: Path, names: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Each source file without the header, with what begins a comment in it; empty files need none."""
    for name in names:
        mark = comment(name)
        path = root / name
        if mark is None or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        if text.strip() and not has_header(text):
            yield path, mark


def main() -> int:
    """Exit status 1 when a file lacks the header and --fix is not given."""
    arguments = argparse.ArgumentParser(prog="python -m tools.spdx", description=__doc__)
    arguments.add_argument("--fix", action="store_true", help="write the header where it is missing")
    fix: bool = arguments.parse_args().fix
    root = Path(__file__).resolve().parents[1]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    found = list(lacking(root, listed.stdout.splitlines()))
    for path, mark in found:
        if fix:
            path.write_text(with_header(path.read_text(encoding="utf-8"), mark), encoding="utf-8")
        print(f"{path.relative_to(root)} {'has the header now' if fix else f'lacks {IDENTIFIER}'}")
    return int(bool(found) and not fix)


if __name__ == "__main__":
    sys.exit(main())
