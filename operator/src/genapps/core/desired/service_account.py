# SPDX-License-Identifier: Apache-2.0
"""The identity that the gateway knows the app by; it has no rights at the API server."""

from genapps.core.desired.metadata import metadata
from genapps.core.observed import Manifest, Observed
from genapps.core.verdict import Grant


def service_account(observed: Observed, grant: Grant) -> Manifest:
    """The app's own ServiceAccount."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(observed, grant),
        "automountServiceAccountToken": False,
    }
