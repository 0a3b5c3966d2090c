# SPDX-License-Identifier: Apache-2.0
"""What the actions of this process have in common."""

from dataclasses import dataclass, field

from genapps_runtime.config import RuntimeConfig
from genapps_runtime.egress.gateway_client import GatewayClient
from genapps_runtime.logs import BoundedLog
from genapps_runtime.metrics import Metrics
from genapps_runtime.serve.defect_reports import DefectReports
from genapps_runtime.serve.held_bytes import HeldBytes
from genapps_runtime.serve.tools import RECORDED_BYTES
from genapps_runtime.state.facets import Facets


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What all actions of this process share."""

    config: RuntimeConfig
    gateway: GatewayClient
    facets: Facets
    metrics: Metrics
    log: BoundedLog
    defects: DefectReports | None = None
    """None: nobody is told of malformed output."""
    recorded: HeldBytes = field(default_factory=lambda: HeldBytes(RECORDED_BYTES))
    """What tools have answered to the actions that run."""
