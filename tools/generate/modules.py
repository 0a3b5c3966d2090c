# SPDX-License-Identifier: Apache-2.0
"""The list of Python's modules: the contract, its copy in the engine, and a page for authors."""

import json
import textwrap
from collections.abc import Iterable, Mapping

from genapps.api.modules import AVAILABLE, LIMITED, PACKAGES, PRIVATE, REFUSED

FOLDERS = ()
COLUMNS = 100

_HEAD = """# Modules of Python

Generated from `operator/src/genapps/api/modules` by `make manifests`: do not edit. Apps run on
CPython 3.14. [writing-apps.md](writing-apps.md#modules) explains how imports are checked.
"""
_AVAILABLE = """## Available

They work as the documentation of Python says.
"""
_LIMITED = """## Available with limits

| module | limits |
|---|---|
"""
_REFUSED = """## Not available

Each with all that is below it. So are the modules of Python whose names begin with `_`.

| module | in its place |
|---|---|
"""
_PACKAGES = """## Packages

Apps have no packages that are not part of Python. The error of an import names what to use:

| package | in its place |
|---|---|
"""


def files() -> dict[str, str]:
    """All three."""
    return {
        "docs/contracts/python-modules.json": contract(),
        "runtime-image/engines/python/stdlib/python-modules.json": contract(),
        "docs/python-modules.md": page(),
    }


def contract() -> str:
    """`available` is a list; the others give a sentence for each module, and `private` one for all others."""
    listed = {
        "available": [*AVAILABLE],
        "limited": dict(LIMITED),
        "refused": dict(sorted(REFUSED.items())),
        "packages": dict(sorted(PACKAGES.items())),
        "private": PRIVATE,
    }
    return json.dumps(listed, indent=2) + "\n"


def page() -> str:
    """Markdown."""
    codecs = [name for name in AVAILABLE if name.startswith("encodings.")]
    others = [name for name in AVAILABLE if name not in codecs]
    return "\n".join(
        [
            _HEAD,
            _AVAILABLE,
            _names(others),
            "\nThe codecs:\n",
            _names(name.removeprefix("encodings.") for name in codecs),
            "",
            _LIMITED + "".join(f"| `{name}` | {sentence} |\n" for name, sentence in LIMITED.items()),
            _REFUSED + _grouped(REFUSED),
            (_PACKAGES + _grouped(PACKAGES)).rstrip("\n"),
            "",
        ]
    )


def _names(names: Iterable[str]) -> str:
    return textwrap.fill(" ".join(f"`{name}`" for name in names), COLUMNS, break_on_hyphens=False)


def _grouped(sentences: Mapping[str, str]) -> str:
    """One row for each sentence."""
    groups: dict[str, list[str]] = {}
    for name, sentence in sentences.items():
        groups.setdefault(sentence, []).append(f"`{name}`")
    return "".join(f"| {' '.join(names)} | {sentence} |\n" for sentence, names in groups.items())
