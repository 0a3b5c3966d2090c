# SPDX-License-Identifier: Apache-2.0
"""Names, labels, ports and addresses that operator, gateway, runtime and chart agree on."""

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

GROUP = "genapps.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

FIELD_MANAGER = "genapps-operator"
GATEWAY_FIELD_MANAGER = "genapps-gateway"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "genapps"
LABEL_NAME = "app.kubernetes.io/name"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_APP = f"{GROUP}/app"
LABEL_APP_NAMESPACE = f"{GROUP}/app-namespace"
LABEL_APP_UID = f"{GROUP}/app-uid"
LABEL_SOURCE = f"{GROUP}/source"
LABEL_LOG_RETENTION = f"{GROUP}/log-retention"
LABEL_RUN_NAMESPACE = f"{GROUP}/run-namespace"
LABEL_NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Set by the API server on every namespace; nobody can give it another value."""
LABEL_CREDENTIAL_FOR = f"{GROUP}/credential-for"
LABEL_CONNECTOR = f"{GROUP}/connector"
"""Of an EndpointSlice beside the gateway: the connector whose Service it resolves."""
LABEL_CONTRACT = f"{GROUP}/contract"
"""Of a ConfigMap beside the gateway: it holds the contract whose digest begins so."""

ANNOTATION_HOSTS = f"{GROUP}/hosts"
"""Of a credential: the hosts that it may be sent to, separated by commas."""
ANNOTATION_ENVELOPE_DIGEST = f"{GROUP}/envelope-digest"
ANNOTATION_CODE_DIGEST = f"{GROUP}/code-digest"
ANNOTATION_CONFIG_DIGEST = f"{GROUP}/config-digest"
ANNOTATION_POD_DIGEST = f"{GROUP}/pod-digest"
"""Of a pod: the digest of the spec that it was created with, a dot, and the seal of its fence."""
ANNOTATION_EFFECTIVE_RISK = f"{GROUP}/effective-risk"
ANNOTATION_IMAGE_DIGEST = f"{GROUP}/image-digest"
ANNOTATION_ENTRY = f"{GROUP}/entry"
ANNOTATION_CODE_PARTS = f"{GROUP}/code-parts"
"""Of a part of a code snapshot: how many parts there are."""
ANNOTATION_FILES = f"{GROUP}/files"
"""Of a part of a code snapshot: the paths of its files in the order of its keys, between blanks."""
ANNOTATION_OWNER = f"{GROUP}/owner"
ANNOTATION_NAMESPACE_UID = f"{GROUP}/namespace-uid"
ANNOTATION_SERVICE = f"{GROUP}/service"
"""Of an EndpointSlice beside the gateway: what it resolves, as `service_reference` writes it."""
ANNOTATION_SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"

FINALIZER_PURGE = f"{GROUP}/purge"
"""On AppRecords: a deleted one goes when everything that is left of its app is gone."""

SERVICE_PORT = 80
APP_PORT = 8080
HEALTH_PORT = 9090
GATEWAY_PORT = 8443
CANARY_PORT = 8444
STEP_TOKEN_KEYS_PORT = 8445
"""Where verifiers of step tokens find the public keys."""

GATEWAY_SERVICE = "gateway"
GATEWAY_COMPONENT = "gateway"
OPERATOR_COMPONENT = "operator"
GATEWAY_CA_CONFIGMAP = "genapps-gateway-ca"
GATEWAY_CA_KEY = "ca.crt"
STEP_TOKEN_KEYS_CONFIGMAP = "genapps-step-token-keys"  # noqa: S105
GATEWAY_EGRESS_POLICY = "genapps-gateway-egress"
"""The NetworkPolicy that is compiled from the connectors."""
SERVICE_READER = "genapps-service-reader"
"""The ClusterRole that lets the operator resolve the Services of a namespace in which it is bound."""
GATEWAY_TLS_SECRET = "genapps-gateway-tls"  # noqa: S105 (the name of a Secret, not a secret)
TOKEN_AUDIENCE = "genapps-gateway"  # noqa: S105
CALLER_TOKEN_HEADER = "genapps-caller-token"  # noqa: S105 (the name of a header)
"""With it the callers of an app prove who they are."""

SYSTEM_NAMESPACE = "genapps-system"
RUN_NAMESPACE = "genapps-run"
CREDENTIALS_NAMESPACE = "genapps-credentials"
"""Of the credentials of connectors; the chart makes it, and the gateway alone reads there."""

_READABLE_CHARACTERS = 40
_HASH_CHARACTERS = 16
_DIGEST_CHARACTERS = 12
_CONNECTOR_LEDGER = "connector."
_BUDGET_LEDGER = "budget."
_SNAPSHOT = re.compile(r"(?P<child>.+)-(code|config)-[0-9a-f]{12}(-[0-9]{1,2})?")


class AppKey(NamedTuple):
    """Which app: a GeneratedApp by its name, whether it exists or not. Where its life counts, its uid stands beside."""

    namespace: str
    name: str


@lru_cache(maxsize=4096)
def child_name(namespace: str, app: str) -> str:
    """The name of everything an app has: unique, readable, at most 59 characters, and a valid DNS label."""
    readable = f"{namespace}-{app}"[:_READABLE_CHARACTERS].rstrip("-")
    if readable[:1].isdigit():
        readable = f"a-{readable}"  # Service names may not start with a digit
    unique = hashlib.sha256(f"{namespace}/{app}".encode()).hexdigest()[:_HASH_CHARACTERS]
    return f"{readable}-{unique}"


def child_name_of(name: str) -> str:
    """The child name that the name of a child is made of: itself, or the front of a snapshot's.

    The way back to the app is through the child names of known apps: a child name holds a hash of the app's, so it
    cannot be taken apart.

    >>> child_name_of("team-app-0123456789abcdef-code-0123456789ab")
    'team-app-0123456789abcdef'
    >>> child_name_of("team-app-0123456789abcdef-code-0123456789ab-2")
    'team-app-0123456789abcdef'
    """
    snapshot = _SNAPSHOT.fullmatch(name)
    return snapshot["child"] if snapshot else name


def code_snapshot_names(child: str, digest: str, parts: int | None) -> tuple[str, ...]:
    """The ConfigMaps that hold the code with this digest (`sha256:<hex>`): one that holds it as it is (`parts` is
    None), or as many as there are parts, in their order."""
    name = f"{child}-code-{short_digest(digest)}"
    return (name,) if parts is None else tuple(f"{name}-{part}" for part in range(parts))


def config_snapshot_name(child: str, digest: str) -> str:
    """The ConfigMap that holds the RuntimeConfig with this digest (`sha256:<hex>`)."""
    return f"{child}-config-{short_digest(digest)}"


def connector_ledger(connector: str) -> str:
    """The Ledger in which gateways count the calls of a connector. No app's name has a dot."""
    return f"{_CONNECTOR_LEDGER}{connector}"


def connector_of_ledger(ledger: str) -> str | None:
    """The connector whose calls are counted in this Ledger; None for the Ledger of an app."""
    return ledger.removeprefix(_CONNECTOR_LEDGER) if ledger.startswith(_CONNECTOR_LEDGER) else None


def budget_ledger(budget: str) -> str:
    """The Ledger in which gateways count what all apps of an AppBudget spend."""
    return f"{_BUDGET_LEDGER}{budget}"


def budget_of_ledger(ledger: str) -> str | None:
    """The AppBudget whose spending is counted in this Ledger; None for any other Ledger."""
    return ledger.removeprefix(_BUDGET_LEDGER) if ledger.startswith(_BUDGET_LEDGER) else None


def contract_name(digest: str) -> str:
    """The ConfigMap that holds the contract with this digest (`sha256:<hex>`)."""
    return f"contract-{short_digest(digest)}"


def short_digest(digest: str) -> str:
    """The first 12 hex characters of `sha256:<hex>`: names of snapshots and of revisions."""
    return digest.removeprefix("sha256:")[:_DIGEST_CHARACTERS]


def service_reference(namespace: str, name: str, port: int) -> str:
    """A port of a Service, in one text.

    >>> service_reference("billing", "ledger", 80)
    'billing/ledger:80'
    """
    return f"{namespace}/{name}:{port}"


def app_audience(namespace: str, app: str) -> str:
    """The audience of tokens with which callers prove themselves to an app, and to no other."""
    return f"genapps-app/{namespace}/{app}"


def service_account_subject(namespace: str, name: str) -> str:
    """The subject of tokens of a ServiceAccount, as the API server writes it."""
    return f"system:serviceaccount:{namespace}:{name}"


def gateway_host(system_namespace: str = SYSTEM_NAMESPACE) -> str:
    """The host name in the gateway's certificate, which pods resolve through `hostAliases`."""
    return f"{GATEWAY_SERVICE}.{system_namespace}.svc"
