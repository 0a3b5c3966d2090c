# SPDX-License-Identifier: Apache-2.0
"""The environment, read once."""

from pathlib import Path

import pytest

from genapps.environment import SettingsError
from genapps.gateway.settings import Settings


def test_an_empty_environment_gives_what_the_chart_expects() -> None:
    settings = Settings.from_environ({})
    assert settings == Settings("genapps-system", "INFO", 8443, 8444, 9090)
    assert settings.host == "gateway.genapps-system.svc"


def test_the_namespace_decides_the_name_in_the_certificate() -> None:
    assert Settings.from_environ({"GENAPPS_SYSTEM_NAMESPACE": "platform"}).host == "gateway.platform.svc"


def test_another_authority_for_issuers_is_a_file() -> None:
    assert Settings.from_environ({"GENAPPS_ISSUER_CA": "/ca.crt"}).issuer_ca == Path("/ca.crt")
    assert Settings.from_environ({"GENAPPS_ISSUER_CA": ""}).issuer_ca is None


@pytest.mark.parametrize("seconds", [30, 600])
def test_what_is_known_may_be_half_a_minute_to_ten_minutes_old(seconds: int) -> None:
    assert Settings.from_environ({"GENAPPS_MAX_STALE_SECONDS": str(seconds)}).max_stale_seconds == seconds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GENAPPS_LOG_LEVEL", "LOUD"),
        ("GENAPPS_GATEWAY_PORT", "0"),
        ("GENAPPS_CANARY_PORT", "99999"),
        ("GENAPPS_HEALTH_PORT", "x"),
        ("GENAPPS_MAX_STALE_SECONDS", "29"),
        ("GENAPPS_MAX_STALE_SECONDS", "601"),
        ("GENAPPS_MAX_STALE_SECONDS", "1m"),
    ],
)
def test_an_unusable_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ({name: value})
