# SPDX-License-Identifier: Apache-2.0
"""The app's address. It has no selector: the endpoints are ours to set, so they change at once and name a ready pod."""

from genapps.api import names
from genapps.core.desired.metadata import metadata
from genapps.core.observed import Manifest, Observed
from genapps.core.verdict import Grant

PORT_NAME = "http"


def service(observed: Observed, grant: Grant) -> Manifest:
    """A ClusterIP Service without selector."""
    port = {"name": PORT_NAME, "protocol": "TCP", "port": names.SERVICE_PORT, "targetPort": names.APP_PORT}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(observed, grant),
        "spec": {"type": "ClusterIP", "ports": [port]},
    }
