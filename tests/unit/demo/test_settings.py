# SPDX-License-Identifier: Apache-2.0
"""Which cluster the demo uses: the user's own only when they say so, with images that it can pull."""

import pytest

from demo.installation import Settings
from demo.terminal import SceneError


@pytest.mark.parametrize("environment", [{}, {"CLUSTER": ""}, {"CLUSTER": "local"}, {"CLUSTER": "local", "IMAGES": ""}])
def test_local_node_unless_told_otherwise(environment: dict[str, str]) -> None:
    assert Settings.from_environ(environment) == Settings(current=False, images="")


def test_own_cluster_with_own_images() -> None:
    own = Settings.from_environ({"CLUSTER": "current", "IMAGES": "registry.example.com/team"})
    assert own == Settings(current=True, images="registry.example.com/team")


@pytest.mark.parametrize(
    "environment", [{"CLUSTER": "current"}, {"IMAGES": "registry.example.com/team"}, {"CLUSTER": "kind"}]
)
def test_half_a_wish_is_refused_with_the_way_out(environment: dict[str, str]) -> None:
    with pytest.raises(SceneError, match="CLUSTER"):
        Settings.from_environ(environment)
