# SPDX-License-Identifier: Apache-2.0
"""What the chart tests share: values that install, and the manifests they give."""

import pytest

from tests.support.value_sets import IMAGES, VALUE_SETS
from tools import helm


@pytest.fixture
def values() -> helm.Values:
    """The least that a user must set."""
    return helm.values_for(IMAGES)


@pytest.fixture(scope="session", params=list(VALUE_SETS))
def rendered(request: pytest.FixtureRequest) -> list[helm.Manifest]:
    """The chart's manifests, with the least values and with all of them."""
    return VALUE_SETS[request.param].render()
