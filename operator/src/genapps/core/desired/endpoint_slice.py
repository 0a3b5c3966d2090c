# SPDX-License-Identifier: Apache-2.0
"""Where the Service leads: to the pod, while it is ready, and nowhere otherwise."""

from genapps.api import names
from genapps.core.desired.metadata import metadata
from genapps.core.desired.service import PORT_NAME
from genapps.core.observed import Manifest, Observed
from genapps.core.verdict import Grant

LABELS = {"endpointslice.kubernetes.io/managed-by": names.GROUP}


def endpoint_slice(observed: Observed, grant: Grant) -> tuple[Manifest, ...]:
    """One slice with one endpoint, or none."""
    pod = observed.pod
    if pod is None or not pod.ready or pod.deleting or pod.ip is None:
        return ()
    name = observed.child_name
    target = {"kind": "Pod", "namespace": grant.run_namespace, "name": name, "uid": pod.uid}
    endpoint = {"addresses": [pod.ip], "conditions": {"ready": True}, "targetRef": target}
    if pod.node:
        endpoint["nodeName"] = pod.node
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata(observed, grant, labels={**LABELS, "kubernetes.io/service-name": name}),
        "addressType": "IPv6" if ":" in pod.ip else "IPv4",
        "endpoints": [endpoint],
        "ports": [{"name": PORT_NAME, "protocol": "TCP", "port": names.APP_PORT}],
    }
    return (slice_,)
