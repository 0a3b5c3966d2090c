# SPDX-License-Identifier: Apache-2.0
"""One file with the throw-away authority for the session."""

from pathlib import Path

import pytest

from tests.unit.gateway.egress.world import authority_file


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority_file(tmp_path_factory.mktemp("authority"))
