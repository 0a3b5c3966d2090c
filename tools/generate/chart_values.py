# SPDX-License-Identifier: Apache-2.0
"""The chart's values: the one source of `values.yaml`, `values.schema.json` and the tables of `docs/chart.md`.

To add a value, add a field with its default and a docstring here (a list as a tuple, a map by its factory), then
run `make manifests`. Sections have no docstring of their own: the field of `Values` describes them. This model
defines the shape of values; the templates check what must hold between two of them.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from genapps.api.app_pods import AppPods
from genapps.api.fields import UserModel

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
IMAGE = r"^[a-z0-9][-a-z0-9._:/]*(:[A-Za-z0-9_][-A-Za-z0-9_.]*)?(@sha256:[0-9a-f]{64})?$"
OBJECT = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"
SECRET = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
QUANTITY = r"^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"

Image = Annotated[str, Field(min_length=1, max_length=500, pattern=IMAGE)]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=NAME)]
RunNamespace = Annotated[Name, Field(json_schema_extra={"not": {"pattern": "^(kube-.*|default)$"}})]
RuntimeClass = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
HostName = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])+[a-z]([-a-z0-9]*[a-z0-9])?$")]
Quantity = Annotated[str | int, WithJsonSchema({"type": ["string", "integer"], "pattern": QUANTITY})]
Quantities = dict[str, Quantity]
Group = Annotated[
    str,
    Field(min_length=1, max_length=253, json_schema_extra={"not": {"pattern": "^system:(unauthenticated|anonymous)$"}}),
]
"""Never everybody who reaches the API server."""
Port = Annotated[int, Field(ge=1, le=65535)]
Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F:.]+/[0-9]{1,3}$")]
LogLevel = Literal["debug", "info", "warning", "error"]
Words = dict[str, str]
MarkKey = Annotated[
    str,
    Field(json_schema_extra={"not": {"pattern": r"^((app[.]kubernetes[.]io|helm[.]sh)|([^/]+[.])?genapps[.]dev)/"}}),
]
Marks = dict[MarkKey, str]
"""Labels or annotations; none that the chart itself sets, because policies and Services select by those."""
Part = Annotated[dict[str, Any], Field(min_length=1)]
"""A piece of a Kubernetes manifest, which the API server checks."""


class Section(UserModel):
    """Some values; null takes a default away, so the schema wants each of them that may not be null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class PullSecret(Section):
    name: Annotated[str, Field(min_length=1, max_length=253, pattern=SECRET)]
    """Name of the Secret, in the release's namespace and in each run namespace."""


class Images(Section):
    genapps: Image = ""
    """Operator and gateway, e.g. registry.example.com/platform/genapps:0.1.0 (or @sha256:...). Required."""
    runtime: Image = ""
    """The runtime that each app's pod runs. Required."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When nodes pull these images."""
    pull_secrets: tuple[PullSecret, ...] = ()
    """Secrets with credentials for the registry, as [{name: ...}]. The platform puts each of them into the release's
    namespace and into each run namespace; the operator names them in pods and has no right to read them."""


class Crds(Section):
    enabled: bool = True
    """Install and upgrade the custom resource definitions. `helm uninstall` keeps them."""


class Storage(Section):
    class_name: Annotated[str, Field(pattern=OBJECT)] = ""
    """StorageClass of the apps' claims. Empty: the default class of the cluster."""
    wait_for_first_consumer: bool = False
    """Whether that class has volumeBindingMode WaitForFirstConsumer."""


class Resources(Section):
    requests: Quantities
    """What the scheduler reserves for the container."""
    limits: Quantities
    """What the container may use at most. Keep a memory limit."""


class Pod(Section):
    priority_class_name: Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")] = ""
    """PriorityClass, e.g. system-cluster-critical, so that apps' pods are evicted first."""
    node_selector: Words = Field(default_factory=dict)
    """Labels of the nodes on which the pod may run."""
    tolerations: tuple[Part, ...] = ()
    """Tolerations of the pod."""
    affinity: dict[str, Any] = Field(default_factory=dict)
    """Affinity of the pod."""
    labels: Marks = Field(default_factory=dict)
    """More labels, e.g. for cost allocation or to keep a service mesh out. The chart's labels cannot be changed."""
    annotations: Marks = Field(default_factory=dict)
    """More annotations."""


class Operator(Section):
    replicas: Annotated[int, Field(ge=1, le=5)] = 2
    """Replicas of the operator. One is the leader. Another takes over when it fails."""
    sweep_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """Seconds between two sweeps for changes that no event reported."""
    progress_deadline_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    """Seconds in which the pod of a new revision must become ready. After that, the operator rolls back."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Apps that the operator reconciles at the same time."""
    log_level: LogLevel = "info"
    """The lowest severity that is logged."""
    resources: Resources = Resources(requests={"cpu": "50m", "memory": "128Mi"}, limits={"memory": "384Mi"})
    """Resources of the operator's container."""
    pod: Pod = Pod()
    """Placement and marks of the operator's pods. Replicas are spread over zones and nodes."""


class GatewayTls(Section):
    secret_name: Annotated[str, Field(pattern=OBJECT)] = ""
    """Secret of the release's namespace with tls.crt, tls.key and ca.crt, e.g. of a Certificate of cert-manager for
    gateway.NAMESPACE.svc. Empty: the gateway makes an authority of its own."""


class Gateway(Section):
    replicas: Annotated[int, Field(ge=1, le=10)] = 2
    """Replicas of the gateway. All of them serve. With one, each update and each loss of its node fails calls."""
    grace_seconds: Annotated[int, Field(ge=30, le=900)] = 60
    """Seconds that a gateway has to end (terminationGracePeriodSeconds). It takes 15 s to send callers to the others.
    Calls that take longer than the rest end as OutcomeUnknown."""
    cluster_ip: Annotated[str, Field(alias="clusterIP", pattern=r"^([0-9a-fA-F:.]+)?$")] = ""
    """A fixed address for Service `gateway`. Apps find the gateway by this address, so a change re-creates pods."""
    max_stale_seconds: Annotated[int, Field(ge=30, le=600)] = 60
    """Seconds without a proof that it hears of every change after which the gateway refuses everything with
    GatewayStale. Withdrawn grants hold after that time at the latest. Proofs come every 15 s."""
    tls: GatewayTls = GatewayTls()
    """The certificate by which apps know the gateway."""
    log_level: LogLevel = "info"
    """The lowest severity that is logged."""
    resources: Resources = Resources(requests={"cpu": "50m", "memory": "96Mi"}, limits={"memory": "256Mi"})
    """Resources of the gateway's container."""
    pod: Pod = Pod()
    """Placement and marks of the gateway's pods. Replicas are spread over zones and nodes. An affinity given here
    replaces the preference for different nodes."""


class EgressProxy(Section):
    url: Annotated[str, Field(pattern=r"^(http://[^/@ ]{1,253}:[0-9]{1,5})?$")] = ""
    """http://HOST:PORT of a proxy that all calls of connectors on the Internet go through by CONNECT. It is told the
    address that the gateway has checked."""
    resolves_names: bool = False
    """The proxy is told host names, and looks them up itself. That is a hole: what a name leads to is unchecked."""


class Connectors(Section):
    pod_cidrs: Annotated[tuple[Cidr, ...], Field(alias="podCIDRs")] = ()
    """Where pods have their addresses. Connectors to Services reach these only. Empty: any private address may be a
    pod's."""
    inside_cidrs: Annotated[tuple[Cidr, ...], Field(alias="insideCIDRs")] = ()
    """What else no host name may lead to: the cluster's Services and nodes, where their addresses are public. Private
    addresses are always refused."""
    ca_config_map: Annotated[str, Field(alias="caConfigMap", pattern=OBJECT)] = ""
    """ConfigMap of the release's namespace whose key ca.crt holds more certificate authorities to trust."""
    proxy: EgressProxy = EgressProxy()
    """A proxy on the way to the Internet."""
    service_namespaces: Annotated[tuple[Name, ...], Field(max_length=256, json_schema_extra={"uniqueItems": True})] = ()
    """Namespaces whose Services connectors may name. They must exist: the chart binds the ClusterRole
    genapps-service-reader to the operator there. Owners of a namespace can bind it themselves instead."""
    dns: tuple[Part, ...] = ()
    """NetworkPolicyEgressRules that lead the gateway to the cluster's DNS. Empty: to the pods of kube-system that are
    labelled k8s-app: kube-dns, on port 53."""
    egress: tuple[Part, ...] = ()
    """More NetworkPolicyEgressRules for the gateway, such as to the proxy. What connectors name needs none: the
    operator compiles the NetworkPolicy genapps-gateway-egress from them."""


class NetworkPolicy(Section):
    api_server_cidrs: Annotated[tuple[Cidr, ...], Field(alias="apiServerCIDRs")] = ()
    """The API server's addresses as CIDRs. Empty: any address, but only on its ports."""
    api_server_ports: Annotated[tuple[Port, ...], Field(min_length=1)] = (443, 6443)
    """The API server's ports."""
    metrics_from: tuple[Part, ...] = ()
    """NetworkPolicyPeers that may scrape metrics on port 9090 of operator and gateway."""
    step_token_keys_from: tuple[Part, ...] = ()
    """NetworkPolicyPeers that may read the public keys of step tokens on port 8445 of the gateway: the pods of
    connectors that verify them. Others can be given the ConfigMap genapps-step-token-keys."""


class Monitoring(Section):
    enabled: bool = False
    """Create Services, a ServiceMonitor and a PrometheusRule for the Prometheus operator. The chart leaves them out
    while the cluster does not serve monitoring.coreos.com/v1. Requires networkPolicy.metricsFrom."""
    interval: Annotated[str, Field(pattern="^[1-9][0-9]*[sm]$")] = "30s"
    """Time between two scrapes."""
    alerts: bool = True
    """Create a PrometheusRule with the alerts of files/alerts.yaml."""
    labels: Marks = Field(default_factory=dict)
    """Labels by which Prometheus selects ServiceMonitors and PrometheusRules, e.g. {release: kube-prometheus-stack}."""


class FenceCheck(Section):
    enabled: bool = True
    """Create the CronJob. Switch it off where a cluster forbids such connections."""
    schedule: Annotated[str, Field(pattern=r"^[-0-9A-Za-z*/,?]+( [-0-9A-Za-z*/,?]+){4}$")] = "17 * * * *"
    """When it runs, in the five fields of cron."""
    kubelet_port: Annotated[int, Field(ge=0, le=65535)] = 10250
    """Port of the kubelets. 0: the kubelet of the pod's node is not tried."""
    internet: Annotated[str, Field(pattern=r"^([a-z0-9][-a-z0-9.]{0,252}:[0-9]{1,5})?$")] = ""
    """HOST:PORT outside the cluster that is tried as well, for clusters whose pods reach the Internet. Empty: none."""
    pod: Pod = Pod()
    """Placement and marks of the pod. Keep a service mesh out: its sidecar would answer in place of the target."""


class Admission(Section):
    deny_external_ips: Annotated[bool, Field(alias="denyExternalIPs")] = True
    """Refuse new externalIPs on Services in namespaces that an AppBudget lists. They can capture traffic of others."""


class Catalogue(Section):
    readers: Annotated[tuple[Group, ...], Field(max_length=64, json_schema_extra={"uniqueItems": True})] = ()
    """Groups that may read all AppBudgets and Connectors, which `genapps catalogue` prints. Budgets show what each
    business unit spends, connectors show internal host names: name groups that may know both."""


class TokenIssuers(Section):
    ca_config_map: Annotated[str, Field(alias="caConfigMap", pattern=OBJECT)] = ""
    """ConfigMap of the release's namespace whose key ca.crt holds more certificate authorities to trust."""
    egress: tuple[Part, ...] = ()
    """NetworkPolicyEgressRules for the gateway: to the issuers, to where they publish their keys, and to DNS. Without
    them, the gateway reaches the API server only."""


class Registries(Section):
    ca_config_map: Annotated[str, Field(alias="caConfigMap", pattern=OBJECT)] = ""
    """ConfigMap of the release's namespace whose key ca.crt holds more certificate authorities to trust."""
    credentials_secret: Annotated[str, Field(pattern=OBJECT)] = ""
    """Secret of the release's namespace, of type kubernetes.io/dockerconfigjson. The kubelet mounts it, because the
    operator has no right to read Secrets. Whoever may write apps under a budget can run what its registries hold."""
    token_hosts: Annotated[tuple[HostName, ...], Field(max_length=16)] = ()
    """Token servers on other hosts than their registry, such as auth.docker.io."""
    egress: tuple[Part, ...] = ()
    """NetworkPolicyEgressRules for the operator: to the registries, to the hosts they redirect to, and to DNS. Without
    them, the operator reaches the API server only."""


class Values(Section):
    """Values of the genapps chart"""

    image: Images = Images()
    """The two images. `make images` builds them."""
    run_namespaces: Annotated[
        tuple[RunNamespace, ...], Field(min_length=1, max_length=100, json_schema_extra={"uniqueItems": True})
    ] = ("genapps-run",)
    """Namespaces in which the apps' pods run. Tenants have no rights there. The chart creates them. `helm uninstall`
    keeps them and the state in them. An AppBudget selects one with spec.runNamespace."""
    run_namespace_quotas: dict[Name, Annotated[Quantities, Field(min_length=1)]] = Field(default_factory=dict)
    """A ResourceQuota's `hard` map by run namespace, e.g. {genapps-run: {pods: "100", requests.memory: 16Gi}}. It
    applies in addition to the quota that the operator derives from the AppBudgets (largest tier times maxApps)."""
    runtime_classes: dict[Literal["low", "medium", "high"], RuntimeClass] = Field(default_factory=dict)
    """RuntimeClass of the apps' pods by effective risk class, e.g. {medium: gvisor, high: kata}; a risk class that is
    not listed gets the default runtime of the cluster. `genapps preflight` checks that the RuntimeClasses exist."""
    crds: Crds = Crds()
    """The custom resource definitions."""
    storage: Storage = Storage()
    """Storage for the state of the apps."""
    host_users: bool | None = None
    """User namespaces of the apps' pods. false: each pod gets its own (requires Linux 6.3 and support in the container
    runtime). true: pods share the node's. null: the default of the cluster."""
    apps: AppPods = AppPods()
    """Pods of all apps. A change of a value that is part of their spec re-creates them."""
    operator: Operator = Operator()
    """The operator, which reconciles apps."""
    gateway: Gateway = Gateway()
    """The gateway, through which apps call tools."""
    catalogue: Catalogue = Catalogue()
    """Who may look up which tiers and tools there are."""
    connectors: Connectors = Connectors()
    """How the gateway reaches what connectors name."""
    token_issuers: TokenIssuers = TokenIssuers()
    """Access to the issuers of tenants' tokens. policy.tenantIssuers of an AppBudget allows issuers."""
    registries: Registries = Registries()
    """Access to OCI registries for the code of apps. policy.imageRegistries of an AppBudget allows registries."""
    network_policy: NetworkPolicy = NetworkPolicy()
    """Connections that operator and gateway may make and accept."""
    monitoring: Monitoring = Monitoring()
    """Metrics and alerts."""
    fence_check: FenceCheck = FenceCheck()
    """The CronJob genapps-fence-check. From a pod without a fence it tries what apps must not reach. That must answer:
    otherwise its silence towards apps proves nothing."""
    admission: Admission = Admission()
    """Optional admission policies. docs/admission.md lists those that are always installed."""
