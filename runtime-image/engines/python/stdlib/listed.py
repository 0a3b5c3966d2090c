# SPDX-License-Identifier: Apache-2.0
"""Which modules an app may import, and what to use in place of the others (docs/contracts/python-modules.json)."""

import json
from pathlib import Path

_LISTED = json.loads((Path(__file__).parent / "python-modules.json").read_text(encoding="utf-8"))
FRAMEWORKS = frozenset(_LISTED["frameworks"])
IMPORTABLE = frozenset((*_LISTED["available"], *_LISTED["limited"], *FRAMEWORKS, "genapps", "workers"))
FOR_PACKAGES = frozenset(_LISTED["forPackages"])


def refused(name: str) -> str:
    """What to use in place of a module of Python that apps cannot import; nothing for a private or a listed one."""
    return _found(name, _LISTED["refused"])


def in_place_of(name: str) -> str:
    """A sentence for the author who imported `name`, or nothing where none is known."""
    sentence = refused(name) or _found(name, _LISTED["packages"])
    private: str = _LISTED["private"]
    return sentence or (private if name.startswith("_") else "")


def _found(name: str, sentences: dict[str, str]) -> str:
    """Of the module or of a package that it is in."""
    while name:
        if name in sentences:
            return sentences[name]
        name = name.rpartition(".")[0]
    return ""
