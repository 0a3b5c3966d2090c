# SPDX-License-Identifier: Apache-2.0
"""A lock file in pip's form: each package with one version and the hashes of its files, and nothing else."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)(?:\[[^\]]*\])?"
    r"==(?P<version>[A-Za-z0-9.!+_-]+)"
    r"\s*(?P<marker>;(?:(?!--hash).)*)?"
    r"(?P<hashes>(?:\s*--hash=\w+:[0-9a-fA-F]+)*)"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?:\s|\Z)")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class Pin:
    """One line: what pip is told, the SHA-256 of the files that it may be, and whether it is for some systems only."""

    text: str
    hashes: frozenset[str]
    marked: bool


Lock = Mapping[str, tuple[Pin, ...]]
"""The pins of each package by its normal name: several where the lock has one for each system."""


def normal(name: str) -> str:
    """The name of a package as PEP 503 writes it."""
    return _SEPARATORS.sub("-", name).lower()


def read_lock(text: str) -> Lock:
    """The packages of a lock file. Raises ValueError, with the line, for whatever is no package with a hash."""
    found: dict[str, tuple[Pin, ...]] = {}
    for number, line in _lines(text):
        parts = _LINE.fullmatch(line)
        if parts is None:
            msg = f"line {number} is no package with a version and hashes: {line[:60]!r}"
            raise ValueError(msg)
        hashes = frozenset(_HASH.findall(parts["hashes"]))
        if not hashes:
            msg = (
                f"line {number}: {parts['name']} has no --hash=sha256:...; write the lock with"
                " `pip-compile --generate-hashes` or `uv pip compile --generate-hashes`"
            )
            raise ValueError(msg)
        name = normal(parts["name"])
        found[name] = (*found.get(name, ()), Pin(line, hashes, parts["marker"] is not None))
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Without comments, and with what a backslash continues; numbered from 1."""
    begun, parts = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        code = _COMMENT.sub("", line).strip()
        parts.append(code.removesuffix("\\").strip())
        if not code.endswith("\\"):
            if whole := " ".join(filter(None, parts)):
                yield begun, whole
            begun, parts = 0, []
    if whole := " ".join(filter(None, parts)):
        yield begun, whole
