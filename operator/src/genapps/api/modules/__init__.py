# SPDX-License-Identifier: Apache-2.0
"""The modules that apps may import beside their own files: a promise to authors that both planes know by contract.

Every module of Python's standard library is in one of AVAILABLE, LIMITED and REFUSED, or is private.
`docs/contracts/python-modules.json`, the engine's list and a page for authors are written from here.
"""

from genapps.api.modules.importable import AVAILABLE, LIMITED
from genapps.api.modules.refused import FOR_PACKAGES, PACKAGES, PRIVATE, REFUSED

__all__ = [
    "AVAILABLE", "FOR_PACKAGES", "FRAMEWORKS", "LIMITED", "PACKAGES", "PRIVATE", "PYTHON_MODULES", "REFUSED", "SDK",
    "WORKERS", "in_place_of",
]  # fmt: skip

PYTHON_MODULES = tuple(sorted((*AVAILABLE, *LIMITED)))
"""What `import` finds beside the files of the app, and beside `genapps` itself."""

SDK = "genapps"
"""The module through which an app answers requests."""

WORKERS = "workers"
"""The module for apps in the form of a Worker: a class `Default` with `fetch`."""

FRAMEWORKS = ("fastapi", "fastapi.params", "fastapi.responses", "fastapi.status", "pydantic")
"""Small layers of the engine with the names of packages (docs/fastapi.md)."""


def in_place_of(name: str) -> str:
    """What to use in place of a module that apps cannot import: a sentence, or nothing where none is known."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        parent = ".".join(parts[:end])
        if sentence := REFUSED.get(parent) or PACKAGES.get(parent):
            return sentence
    return PRIVATE if parts[0].startswith("_") else ""
