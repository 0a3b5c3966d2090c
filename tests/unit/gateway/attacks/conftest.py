# SPDX-License-Identifier: Apache-2.0
"""What the tests of egress have, for the attacks on it."""

from tests.unit.gateway.egress.conftest import ca, pytest_asyncio_loop_factories

__all__ = ["ca", "pytest_asyncio_loop_factories"]
