# SPDX-License-Identifier: Apache-2.0
"""Which modules apps can import, as the command line says it."""

from collections.abc import Sequence

import click

from genapps.api.modules import AVAILABLE, FRAMEWORKS, LIMITED, SDK, in_place_of


def run(names: Sequence[str]) -> int:
    """Print a line for each name, or for all modules there are; the exit code: 1 when one cannot be imported."""
    for name in names or [SDK, *sorted((*AVAILABLE, *LIMITED))]:
        click.echo(_line(name))
    return 0 if all(_is_importable(name) for name in names) else 1


def _is_importable(name: str) -> bool:
    return name == SDK or name in AVAILABLE or name in LIMITED or name in FRAMEWORKS


def _line(name: str) -> str:
    if _is_importable(name):
        return f"{name}: {LIMITED[name]}" if name in LIMITED else name
    return f"{name}: not available to apps. {in_place_of(name)}".rstrip()
