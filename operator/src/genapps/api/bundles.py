# SPDX-License-Identifier: Apache-2.0
"""What a bundle may be: the paths of its files, and how many and how large they are."""

import re
from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from genapps.api.fields import Form

BUNDLE_BYTES = 8 * 1024 * 1024
"""Of all files together. The runtime holds them in memory, and etcd each snapshot of them."""
BUNDLE_FILES = 512
"""A pod's spec names each file of a bundle with folders."""
FILE_BYTES = 1024 * 1024
"""Of one file: it has to fit into a ConfigMap."""
COMPONENT_BYTES = 4 * 1024 * 1024
"""Of the file of a component; one that is larger than others may be is kept in pieces."""
COMPONENT_SUFFIX = ".wasm"
PATH_CHARACTERS = 253
PATH_DEPTH = 8
"""Parts of a path, the name of the file among them."""
PUBLIC = "public/"
"""Files below are served as they are, and are no code."""

_PART = "[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*"
"""As the key of a ConfigMap: neither `.` nor what begins with two dots."""
PATH = f"^({_PART}/){{0,{PATH_DEPTH - 1}}}{_PART}$"
PATH_FORM = (
    f"write a relative path of at most {PATH_DEPTH} parts of letters, digits, '-', '_' and '.', none of them '.' and"
    " none beginning with '..'"
)

BundlePath = Annotated[str, Field(min_length=1, max_length=PATH_CHARACTERS), Form(PATH, PATH_FORM)]

_PATH = re.compile(PATH)


def is_path(text: str) -> bool:
    """Whether a file of a bundle may have this path."""
    return len(text) <= PATH_CHARACTERS and _PATH.fullmatch(text) is not None


def most_bytes(path: str) -> int:
    """The most that the file at this path may have, in a bundle of whatever language: it is fetched before that is
    known."""
    return COMPONENT_BYTES if path.endswith(COMPONENT_SUFFIX) and "/" not in path else FILE_BYTES


def path_fault(paths: Collection[str]) -> str | None:
    """What is wrong with the paths of a bundle, in words that fit behind "the bundle has"; None where nothing is.

    The text quotes a path in ASCII, clipped."""
    for path in paths:
        if not is_path(path):
            return f"the invalid path {_quoted(path)}; {PATH_FORM}"
    files = set(paths)
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder:
            if folder in files:
                return f"{_quoted(folder)} as a file and as a folder; rename one"
            folder = folder.rpartition("/")[0]
    return None


def _quoted(path: str) -> str:
    return ascii(path if len(path) <= 80 else f"{path[:80]}...")
