# SPDX-License-Identifier: Apache-2.0
"""A scripted API server and a client of it."""

from collections.abc import AsyncIterator

import pytest

from genapps.cluster.client import Client
from tests.support.scripted_server import Script, serve


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def client(script: Script) -> AsyncIterator[Client]:
    async with serve(script) as connected:
        yield connected
