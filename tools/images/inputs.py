# SPDX-License-Identifier: Apache-2.0
"""What an image is made of: the files its Dockerfile copies from the context, and a digest over them.

The digest names the image, so that an unchanged image is neither built nor loaded again, and a changed one is
never mistaken for the old.
"""

import hashlib
import shlex
from collections.abc import Iterator
from pathlib import Path

TAG_LENGTH = 12
IGNORED_PARTS = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


def copied(dockerfile: str) -> list[str]:
    """The sources of all COPY and ADD instructions that read the context, in order."""
    sources: list[str] = []
    for line in dockerfile.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0].upper() not in {"COPY", "ADD"}:
            continue
        flags = [word for word in words[1:] if word.startswith("--")]
        if not any(flag.startswith("--from=") for flag in flags):
            sources += [word for word in words[1:-1] if not word.startswith("--")]
    return sources


def _files(context: Path, source: str) -> Iterator[Path]:
    pattern = source.strip("/")
    found = sorted(context.glob(pattern)) if pattern not in {"", "."} else [context]
    for path in found:
        if path.is_dir():
            yield from (inner for inner in sorted(path.rglob("*")) if inner.is_file())
        else:
            yield path


def digest(context: Path, dockerfile: Path, base: str) -> str:
    """The first 12 hex digits of the SHA-256 over base, Dockerfile and every file that it copies.

    Raises FileNotFoundError when an instruction copies what is not there.
    """
    text = dockerfile.read_text(encoding="utf-8")
    total = hashlib.sha256(f"{base}\n{text}\n".encode())
    for source in copied(text):
        files = [path for path in _files(context, source) if not IGNORED_PARTS.intersection(path.parts)]
        if not files:
            raise FileNotFoundError(f"{dockerfile} copies {source!r}, which is not there")
        for path in files:
            executable = bool(path.stat().st_mode & 0o100)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(context)} {executable} {content}\n".encode())
    return total.hexdigest()[:TAG_LENGTH]
