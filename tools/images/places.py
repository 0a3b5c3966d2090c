# SPDX-License-Identifier: Apache-2.0
"""Where the image build keeps what it makes: a cache outside the checkout, and `build/` for the result."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RESULT = REPOSITORY / "build" / "images.json"


def cache() -> Path:
    """The folder for bases, archives, layers and logs: `$GENAPPS_CACHE/images`."""
    root = (
        os.environ.get("GENAPPS_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genapps"
    )
    return Path(root) / "images"
