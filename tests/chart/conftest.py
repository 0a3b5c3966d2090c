# SPDX-License-Identifier: Apache-2.0
"""The chart rendered to files, as its judges want it."""

from pathlib import Path

import pytest
import yaml

from tests.support.value_sets import VALUE_SETS
from tools import helm


@pytest.fixture(scope="session")
def manifests() -> list[helm.Manifest]:
    """Every manifest that differs, of all value sets: what two sets have in common is judged once."""
    distinct: list[helm.Manifest] = []
    for value_set in VALUE_SETS.values():
        distinct.extend(manifest for manifest in value_set.render() if manifest not in distinct)
    return distinct


def write(file: Path, manifests: list[helm.Manifest]) -> Path:
    """The file, with these manifests in it."""
    file.write_text(yaml.safe_dump_all(manifests, sort_keys=False), encoding="utf-8")
    return file
