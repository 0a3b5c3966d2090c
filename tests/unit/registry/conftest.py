# SPDX-License-Identifier: Apache-2.0
"""A registry, and access to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from genapps.registry.pull import Access
from tests.support.registry import Registry, serving


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def access(registry: Registry) -> Access:
    return Access(ca=registry.ca)
