# SPDX-License-Identifier: Apache-2.0
"""The gateway's own event loop for all tests, and one file with the throw-away authority for the session."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.unit.gateway.egress.world import authority_file


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Its transports are not asyncio's, and begin and end in another order."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority_file(tmp_path_factory.mktemp("authority"))
