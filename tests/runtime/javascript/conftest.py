# SPDX-License-Identifier: Apache-2.0
"""The engine of JavaScript, loaded once for all apps of a module."""

from pathlib import Path

import pytest

from genapps_runtime.guest.engine import Language


@pytest.fixture(scope="module")
def javascript(javascript_engine: Path) -> Language:
    return Language(str(javascript_engine))
