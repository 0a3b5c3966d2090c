# SPDX-License-Identifier: Apache-2.0
"""The gateway's settings: read once from the environment, then an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from genapps.api import names
from genapps.environment import SettingsError
from genapps.gateway.egress.addresses import Network, Ranges, parse_ranges
from genapps.gateway.egress.proxy import Proxy, parse_proxy

_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Settings:
    """Ports are fixed in a cluster (Service and NetworkPolicies name them); tests on a host choose others."""

    system_namespace: str
    """Where AppRecords, Ledgers, the key pair and the published CA live."""
    log_level: str = "INFO"
    call_port: int = names.GATEWAY_PORT
    canary_port: int = names.CANARY_PORT
    health_port: int = names.HEALTH_PORT
    step_token_keys_port: int = names.STEP_TOKEN_KEYS_PORT
    max_stale_seconds: int = 60
    """How long a watch may have heard nothing before everything is refused."""
    grace_seconds: int = 60
    """From SIGTERM to the end at the latest, as the pod has it."""
    tls_secret: str = ""
    """The Secret with a certificate that somebody else renews; empty: one of our own authority."""
    issuer_ca: Path | None = None
    """Trusted beside the system's authorities when keys of tenants' tokens are fetched."""
    ranges: Ranges = field(default_factory=Ranges)
    """The cluster's own addresses: where pods are, and where no host name may lead."""
    credentials_namespace: str = names.CREDENTIALS_NAMESPACE
    """Where the Secrets of connectors are."""
    connector_ca: Path | None = None
    """Trusted beside the system's authorities when connectors are called."""
    proxy: Proxy | None = None
    """On the way to connectors on the Internet."""
    pod: str = "gateway"
    """The name of its pod: a lease says who holds it."""

    @property
    def host(self) -> str:
        """The only name the certificate is valid for; runtimes find its address by `hostAliases`."""
        return names.gateway_host(self.system_namespace)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Raises SettingsError for a value that cannot be used."""
        level = environ.get("GENAPPS_LOG_LEVEL", "INFO").upper()
        if level not in _LOG_LEVELS:
            raise SettingsError(f"GENAPPS_LOG_LEVEL must be one of {', '.join(_LOG_LEVELS)}, not {level!r}")
        return cls(
            system_namespace=environ.get("GENAPPS_SYSTEM_NAMESPACE") or names.SYSTEM_NAMESPACE,
            credentials_namespace=environ.get("GENAPPS_CREDENTIALS_NAMESPACE") or names.CREDENTIALS_NAMESPACE,
            log_level=level,
            call_port=_port(environ, "GENAPPS_GATEWAY_PORT", names.GATEWAY_PORT),
            canary_port=_port(environ, "GENAPPS_CANARY_PORT", names.CANARY_PORT),
            health_port=_port(environ, "GENAPPS_HEALTH_PORT", names.HEALTH_PORT),
            step_token_keys_port=_port(environ, "GENAPPS_STEP_TOKEN_KEYS_PORT", names.STEP_TOKEN_KEYS_PORT),
            max_stale_seconds=_seconds(environ, "GENAPPS_MAX_STALE_SECONDS", 60, 30, 600),
            grace_seconds=_seconds(environ, "GENAPPS_GRACE_SECONDS", 60, 30, 900),
            tls_secret=environ.get("GENAPPS_TLS_SECRET", ""),
            issuer_ca=Path(environ["GENAPPS_ISSUER_CA"]) if environ.get("GENAPPS_ISSUER_CA") else None,
            ranges=Ranges(
                pods=_ranges(environ, "GENAPPS_POD_RANGES"), inside=_ranges(environ, "GENAPPS_INSIDE_RANGES")
            ),
            connector_ca=Path(environ["GENAPPS_CONNECTOR_CA"]) if environ.get("GENAPPS_CONNECTOR_CA") else None,
            proxy=_proxy(environ),
            pod=environ.get("HOSTNAME") or "gateway",
        )


def _seconds(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = environ.get(name, str(default))
    if not value.isascii() or not value.isdecimal() or not least <= int(value) <= most:
        raise SettingsError(f"{name} must be {least} to {most} seconds, not {value!r}")
    return int(value)


def _ranges(environ: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return parse_ranges(environ.get(name, ""))
    except ValueError as error:
        raise SettingsError(f"{name} must be networks, separated by commas: {error}") from error


def _proxy(environ: Mapping[str, str]) -> Proxy | None:
    url, resolves = environ.get("GENAPPS_EGRESS_PROXY", ""), environ.get("GENAPPS_EGRESS_PROXY_RESOLVES_NAMES", "false")
    if resolves not in ("true", "false"):
        raise SettingsError(f"GENAPPS_EGRESS_PROXY_RESOLVES_NAMES must be true or false, not {resolves!r}")
    if not url:
        return None
    try:
        return parse_proxy(url, resolves_names=resolves == "true")
    except ValueError as error:
        raise SettingsError(f"GENAPPS_EGRESS_PROXY: {error}") from error


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, str(default))
    if not value.isascii() or not value.isdecimal() or not 1 <= int(value) <= 65535:
        raise SettingsError(f"{name} must be a port number, not {value!r}")
    return int(value)
