# SPDX-License-Identifier: Apache-2.0
"""Where engines are built."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """Where builds are kept, outside the checkout."""
    return Path(os.environ.get("GENAPPS_CACHE") or Path.home() / ".cache" / "genapps")
