# SPDX-License-Identifier: Apache-2.0
"""Modules of the Python engine outside of it: in the engine, `genapps` is the package that apps import."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parents[2] / "runtime-image" / "engines" / "python" / "genapps"


def engine_module(name: str) -> ModuleType:
    """A module of the engine's package `genapps` that needs no host, such as `encoding`."""
    ours = {known: sys.modules.pop(known) for known in list(sys.modules) if known.partition(".")[0] == "genapps"}
    package = sys.modules["genapps"] = ModuleType("genapps")
    package.__path__ = [str(PACKAGE)]
    try:
        return importlib.import_module(f"genapps.{name}")
    finally:
        for known in [known for known in sys.modules if known.partition(".")[0] == "genapps"]:
            del sys.modules[known]
        sys.modules.update(ours)
