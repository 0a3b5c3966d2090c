# SPDX-License-Identifier: Apache-2.0
"""The environment, read once."""

from pathlib import Path

import pytest

from genapps.environment import SettingsError
from genapps.gateway.egress.proxy import Proxy
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
        ("GENAPPS_GRACE_SECONDS", "29"),
        ("GENAPPS_GRACE_SECONDS", "901"),
        ("GENAPPS_MAX_STALE_SECONDS", "29"),
        ("GENAPPS_MAX_STALE_SECONDS", "601"),
        ("GENAPPS_MAX_STALE_SECONDS", "1m"),
        ("GENAPPS_POD_RANGES", "10.0.0.1/8"),
        ("GENAPPS_INSIDE_RANGES", "everything"),
        ("GENAPPS_EGRESS_PROXY", "https://proxy:3128"),
        ("GENAPPS_EGRESS_PROXY_RESOLVES_NAMES", "yes"),
    ],
)
def test_an_unusable_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ({name: value})


def test_how_connectors_are_reached() -> None:
    settings = Settings.from_environ(
        {
            "GENAPPS_POD_RANGES": "10.244.0.0/16,fd00:1::/64",
            "GENAPPS_INSIDE_RANGES": "203.0.113.0/24",
            "GENAPPS_CONNECTOR_CA": "/etc/ca.crt",
            "GENAPPS_EGRESS_PROXY": "http://proxy.example.com:3128",
            "GENAPPS_EGRESS_PROXY_RESOLVES_NAMES": "true",
        }
    )
    assert [str(network) for network in settings.ranges.pods] == ["10.244.0.0/16", "fd00:1::/64"]
    assert not settings.ranges.admits_host("203.0.113.7")
    assert settings.connector_ca == Path("/etc/ca.crt")
    assert settings.proxy == Proxy("proxy.example.com", 3128, resolves_names=True)
    assert Settings.from_environ({}).proxy is None
