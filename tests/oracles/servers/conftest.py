# SPDX-License-Identifier: Apache-2.0
"""The gateway's own event loop, as in the tests of egress."""

from tests.unit.gateway.egress.conftest import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
