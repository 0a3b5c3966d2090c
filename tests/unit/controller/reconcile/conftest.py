# SPDX-License-Identifier: Apache-2.0
"""The loop, as a fixture."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.controller.loop import Loop, running


@pytest.fixture
async def loop() -> AsyncIterator[Loop]:
    async with running() as made:
        yield made
