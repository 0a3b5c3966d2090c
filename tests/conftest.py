# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: properties are never judged by the time they take, and two processes may share the tests.

`make test` runs two: the tests that need a cluster mostly wait for it, and the others compute meanwhile.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

HERE = Path(__file__).parent
WITHOUT_CLUSTER = frozenset({"contract", "golden", "runtime", "unit"})


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests that may use the node go to one process, in their order; the tests of any other file stay together."""
    for item in items:
        room, *_ = item.path.relative_to(HERE).parts
        group = str(item.path) if room in WITHOUT_CLUSTER else "cluster"
        item.add_marker(pytest.mark.xdist_group(group))
