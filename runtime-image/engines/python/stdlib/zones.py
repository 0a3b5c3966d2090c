# SPDX-License-Identifier: Apache-2.0
"""The time zones of the package `tzdata`, kept in the engine's memory; a zone is parsed when it is first used."""

import importlib.resources
import io
import sys
import zoneinfo
from typing import Any

_ZONES: dict[str, bytes] = {}


def keep() -> None:
    """Read all zones. Runs while the engine is built, which has the package."""
    import zoneinfo._common as common

    root = importlib.resources.files("tzdata")
    same: dict[bytes, bytes] = {}
    for name in (root / "zones").read_text().split():
        content = root.joinpath("zoneinfo", *name.split("/")).read_bytes()
        _ZONES[name] = same.setdefault(content, content)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tzdata"]:
        del sys.modules[name]
    zoneinfo.reset_tzpath(to=())
    zoneinfo.available_timezones = lambda: set(_ZONES)
    common.load_tzdata = _load


def _load(key: str) -> Any:
    """In place of `zoneinfo._common.load_tzdata`. Raises ZoneInfoNotFoundError."""
    if key not in _ZONES:
        raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
    return io.BytesIO(_ZONES[key])
