# SPDX-License-Identifier: Apache-2.0
"""Settings from the environment."""

import pytest

from genapps_runtime.settings import Settings


def test_settings_are_the_pods_paths_unless_the_environment_says_otherwise() -> None:
    settings = Settings.from_environ(
        {"GENAPPS_RUNTIME_APP_PORT": "81", "APP_PORT": "82", "GENAPPS_RUNTIME_ADDRESS": "127.0.0.1"}
    )
    assert (settings.app_port, settings.address, settings.health_port) == (81, "127.0.0.1", 9090)
    assert settings.config_file == "/etc/genapps/config/runtime.json"
    with pytest.raises(ValueError, match="x"):
        Settings.from_environ({"GENAPPS_RUNTIME_APP_PORT": "x"})
