# SPDX-License-Identifier: Apache-2.0
"""The runtime pod: restricted, without API token or DNS, with one way out and exactly what was judged mounted in it."""

from typing import Any

from genapps.api import names, quantities
from genapps.api.appbudget import Tier
from genapps.api.envelope import RiskClass
from genapps.core import ephemeral_storage
from genapps.core.desired.metadata import metadata
from genapps.core.desired.parts import parts_of
from genapps.core.drift import expected_spec_digest
from genapps.core.observed import Manifest, Observed
from genapps.core.pod_fence import CONTAINER, fence, seal
from genapps.core.verdict import Grant, Revision

RUNTIME_MEMORY = 96 * 2**20
"""Bytes that the runtime itself needs beside its guests."""
DEBUG = "--debug"
"""The runtime's argument that lets callers read what the app says when it fails."""
FRESH = "--fresh-instances"
"""The runtime's argument that gives each request of the app an instance of its own."""
CPU_REQUEST_MILLICORES = 20
TOKEN_SECONDS = 600
"""The shortest life that a projected token may have."""
GRACE_SECONDS = 10
_CPU_LIMIT = {
    "name": "GENAPPS_RUNTIME_CPU_MILLICORES",
    "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}},
}
"""The container's own limit, also when admission has changed it: guests that compute leave a part of it to others."""
LOGS_KEPT = "168h"


def memory_bytes(tier: Tier) -> int:
    """The memory limit of a pod: every guest may be at its own limit."""
    return RUNTIME_MEMORY + tier.instances * quantities.byte_count(tier.guest_memory)


def pod(observed: Observed, grant: Grant, revision: Revision) -> Manifest:
    """A bare Pod under a constant name: the API server guarantees that there is one."""
    annotations = {
        names.ANNOTATION_CODE_DIGEST: revision.code_digest,
        names.ANNOTATION_CONFIG_DIGEST: revision.config_digest,
        names.ANNOTATION_EFFECTIVE_RISK: grant.effective_risk.value,
        names.ANNOTATION_SAFE_TO_EVICT: str(observed.platform.apps.safe_to_evict).lower(),
    }
    place = observed.platform.apps.placement(grant.effective_risk, grant.run_namespace)
    labels, annotations = {**place.labels, **_log_labels(observed)}, {**place.annotations, **annotations}
    about = metadata(observed, grant, labels=labels, annotations=annotations)
    manifest: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**about, **_controller(observed)},
        "spec": {**_spec(observed, grant, revision), **place.spec({names.LABEL_MANAGED_BY: names.MANAGED_BY})},
    }
    manifest["metadata"]["annotations"][names.ANNOTATION_POD_DIGEST] = asked_for(manifest)
    return manifest


def asked_for(manifest: Manifest) -> str:
    """What annotation `ANNOTATION_POD_DIGEST` says of it: a pod with another one was made of another spec."""
    return f"{expected_spec_digest(manifest)}.{seal(fence(manifest))}"


def _controller(observed: Observed) -> Manifest:
    """Drains and autoscalers leave a pod without a controller where it is. The ServiceAccount lives as long as the app
    may run; it owns nothing that has to outlive it, and its own deletion does not wait for the pod."""
    account = observed.own("ServiceAccount")
    if account is None:
        return {}
    reference = {"apiVersion": "v1", "kind": account.kind, "name": account.name, "uid": account.uid}
    return {"ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": False}]}


def _log_labels(observed: Observed) -> dict[str, str]:
    """How long the collector should keep what the pod logs."""
    retention = observed.spec.envelope.retention if observed.spec else None
    return {names.LABEL_LOG_RETENTION: (retention and retention.logs) or LOGS_KEPT}


def _spec(observed: Observed, grant: Grant, revision: Revision) -> Manifest:
    platform = observed.platform
    spec: Manifest = {
        "serviceAccountName": observed.child_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "securityContext": {
            "runAsNonRoot": True,
            **_user(platform.apps.run_as_user),
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(observed, grant, revision)],
        "volumes": _volumes(observed, revision),
    }
    if platform.gateway_address:
        # The pod has no DNS: this is how it knows the name in the gateway's certificate.
        hostnames = [names.gateway_host(platform.system_namespace)]
        spec["hostAliases"] = [{"ip": platform.gateway_address, "hostnames": hostnames}]
    if platform.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in platform.pull_secrets]
    if platform.host_users is not None:
        spec["hostUsers"] = platform.host_users
    if runtime_class := platform.runtime_class_by_risk.get(grant.effective_risk):
        spec["runtimeClassName"] = runtime_class
    return spec


def _user(user: int | None) -> dict[str, int]:
    return {} if user is None else {"runAsUser": user, "runAsGroup": user, "fsGroup": user}


def _container(observed: Observed, grant: Grant, revision: Revision) -> Manifest:
    return {
        "name": CONTAINER,
        "image": observed.platform.runtime_image,
        "imagePullPolicy": observed.platform.image_pull_policy,
        "args": _arguments(grant, revision),
        "env": [_CPU_LIMIT],
        "ports": [
            {"name": "http", "containerPort": names.APP_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": names.HEALTH_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": _probe("/readyz", period=1, timeout=1),
        "livenessProbe": _probe("/livez", period=10, timeout=5),
        "resources": _resources(grant),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/genapps/config", "readOnly": True},
            {"name": "code", "mountPath": "/etc/genapps/code", "readOnly": True},
            {"name": "gateway", "mountPath": "/etc/genapps/gateway", "readOnly": True},
            {"name": "token", "mountPath": "/var/run/secrets/genapps", "readOnly": True},
            {"name": "state", "mountPath": "/var/lib/genapps"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (inside the container, a volume of its own)
        ],
    }


def _arguments(grant: Grant, revision: Revision) -> list[str]:
    # Whether callers may read what an app says is no setting of a revision: an earlier one would come back with it. Nor
    # is the risk, which may have risen since.
    return [
        "--config-digest", revision.config_digest, "--code-digest", revision.code_digest,
        *([DEBUG] if grant.debug else []), *([FRESH] if grant.effective_risk is RiskClass.HIGH else []),
        *(["--restore-state"] if revision.restore_state else []),
    ]  # fmt: skip


def _volumes(observed: Observed, revision: Revision) -> list[dict[str, Any]]:
    child = observed.child_name
    token = {"audience": names.TOKEN_AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": "token"}
    return [
        {"name": "config", "configMap": {"name": names.config_snapshot_name(child, revision.config_digest)}},
        _code_volume(observed, revision),
        {"name": "gateway", "configMap": {"name": names.GATEWAY_CA_CONFIGMAP}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "state", "persistentVolumeClaim": {"claimName": child}},
        {"name": "tmp", "emptyDir": {"sizeLimit": quantities.memory(ephemeral_storage.TMP_BYTES)}},
    ]


def _code_volume(observed: Observed, revision: Revision) -> dict[str, Any]:
    """The files under their paths: those of one ConfigMap as they are, those of parts one by one."""
    parts = parts_of(observed, revision)
    if parts is None:
        (name,) = names.code_snapshot_names(observed.child_name, revision.code_digest, None)
        return {"name": "code", "configMap": {"name": name}}
    sources = [
        {"name": part.name, "items": [{"key": key, "path": path} for key, path in part.keys().items()]}
        for part in parts
    ]
    return {"name": "code", "projected": {"sources": [{"configMap": source} for source in sources]}}


def _probe(path: str, *, period: int, timeout: int) -> Manifest:
    get = {"path": path, "port": names.HEALTH_PORT}
    return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": timeout, "failureThreshold": 3}


def _resources(grant: Grant) -> Manifest:
    # Quantities are written as the API server would store them: another spelling of an amount would look like drift.
    memory = quantities.memory(memory_bytes(grant.tier))
    limit = quantities.millicores(grant.tier.cpu)
    disk, most = quantities.memory(ephemeral_storage.REQUEST_BYTES), quantities.memory(ephemeral_storage.LIMIT_BYTES)
    request = quantities.cpu(min(CPU_REQUEST_MILLICORES, limit))
    return {
        "limits": {"memory": memory, "ephemeral-storage": most, "cpu": quantities.cpu(limit)},
        "requests": {"memory": memory, "ephemeral-storage": disk, "cpu": request},
    }
