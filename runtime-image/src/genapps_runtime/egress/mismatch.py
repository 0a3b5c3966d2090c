# SPDX-License-Identifier: Apache-2.0
"""The last word of a process whose code is not what was judged: the gateway counts it as a violation.

The RuntimeConfig has its digest, or nobody could know where the gateway is.
"""

import asyncio
import secrets

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_address import GatewayAddress
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.settings import Settings
from genapps_runtime.termination import Reason, RefusedError

RULE = "snapshot_mismatch"


def report_mismatch(settings: Settings, config: RuntimeConfig, refused: RefusedError) -> None:
    """Tell the gateway, if it answers within a few seconds. Each start has an id of its own, so each counts."""
    if refused.reason is not Reason.SNAPSHOT_MISMATCH:
        return
    address = GatewayAddress.of_pod(settings, config)
    said = {"requestId": f"load-{secrets.token_hex(8)}", "rule": RULE, "subject": refused.message[:1000]}

    async def tell() -> None:
        gateway = GatewayClient(address, settings.gateway_ca_file, settings.token_file)
        await gateway.report(said)
        gateway.close()

    asyncio.run(tell())
