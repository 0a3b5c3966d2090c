# SPDX-License-Identifier: Apache-2.0
"""Where the gateway is."""

from dataclasses import dataclass

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """`connect` is the address of the connection. `name` is what the gateway's certificate must contain."""

    connect: str
    port: int
    name: str

    @classmethod
    def of_pod(cls, settings: Settings, config: RuntimeConfig) -> "GatewayAddress":
        """What the RuntimeConfig says, unless the settings name another place to connect to."""
        connect, port = settings.gateway_address or config.gateway_host, settings.gateway_port or config.gateway_port
        return cls(connect, port, config.gateway_host)
