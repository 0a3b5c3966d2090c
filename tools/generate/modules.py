# SPDX-License-Identifier: Apache-2.0
"""The list of Python's modules: the contract, its copy in the engine, and a page for authors."""

import json
import textwrap
from collections.abc import Iterable, Mapping

from genapps.api.modules import AVAILABLE, FOR_PACKAGES, FRAMEWORKS, LIMITED, PACKAGES, PRIVATE, REFUSED

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

Each with all that is below it. So are the modules of Python whose names begin with `_`. Packages in
`site-packages/` of the bundle may import those, and {for_packages}.

| module | in its place |
|---|---|
"""
_PACKAGES = """## Packages

An app has the packages that are in its bundle: `genapps bundle` puts those there that are pure
Python ([writing-apps.md](writing-apps.md#folders-and-packages)). `fastapi` and `pydantic` are small
layers of the engine ([fastapi.md](fastapi.md)). The error of an import of another one names what to
use:

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
    """Lists of modules, and with a sentence for each those that are limited or refused; `private` is a sentence."""
    listed = {
        "available": [*AVAILABLE],
        "limited": dict(LIMITED),
        "refused": dict(sorted(REFUSED.items())),
        "packages": dict(sorted(PACKAGES.items())),
        "private": PRIVATE,
        "forPackages": [*FOR_PACKAGES],
        "frameworks": [*FRAMEWORKS],
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
            _refused_head() + _grouped(REFUSED),
            (_PACKAGES + _grouped(PACKAGES)).rstrip("\n"),
            "",
        ]
    )


def _refused_head() -> str:
    names = ", ".join(f"`{name}`" for name in FOR_PACKAGES)
    title, text, table = _REFUSED.format(for_packages=names).split("\n\n")
    return "\n\n".join([title, textwrap.fill(text, COLUMNS, break_on_hyphens=False), table])


def _names(names: Iterable[str]) -> str:
    return textwrap.fill(" ".join(f"`{name}`" for name in names), COLUMNS, break_on_hyphens=False)


def _grouped(sentences: Mapping[str, str]) -> str:
    """One row for each sentence."""
    groups: dict[str, list[str]] = {}
    for name, sentence in sentences.items():
        groups.setdefault(sentence, []).append(f"`{name}`")
    return "".join(f"| {' '.join(names)} | {sentence} |\n" for sentence, names in groups.items())
