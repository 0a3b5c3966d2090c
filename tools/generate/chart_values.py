"""The chart's values: the one source of `values.yaml`, `values.schema.json` and the tables of `docs/chart.md`.

To add a value, add a field with its default and a docstring here (a list as a tuple, a map by its factory), then
run `make manifests`. Sections have no docstring of their own: the field of `Values` describes them. This model
defines the shape of values; the templates check what must hold between two of them.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from genapps.api.fields import UserModel

NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
IMAGE = r"^[a-z0-9][-a-z0-9._:/]*(:[A-Za-z0-9_][-A-Za-z0-9_.]*)?(@sha256:[0-9a-f]{64})?$"
OBJECT = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"
QUANTITY = r"^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"

Image = Annotated[str, Field(min_length=1, max_length=500, pattern=IMAGE)]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=NAME)]
RunNamespace = Annotated[Name, Field(json_schema_extra={"not": {"pattern": "^(kube-.*|default)$"}})]
RuntimeClass = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
HostName = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])+[a-z]([-a-z0-9]*[a-z0-9])?$")]
Quantity = Annotated[str | int, WithJsonSchema({"type": ["string", "integer"], "pattern": QUANTITY})]
Quantities = dict[str, Quantity]
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
    name: Annotated[str, Field(min_length=1)]
    """Name of the Secret, in the release's namespace."""


class Images(Section):
    genapps: Image = ""
    """Operator and gateway, e.g. registry.example.com/platform/genapps:0.1.0 (or @sha256:...). Required."""
    runtime: Image = ""
    """The runtime that each app's pod runs. Required."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When nodes pull these images."""
    pull_secrets: tuple[PullSecret, ...] = ()
    """Secrets with credentials for the registry, as [{name: ...}]."""


class Crds(Section):
    enabled: bool = True
    """Install and upgrade the custom resource definitions; they stay when the chart is uninstalled."""


class Storage(Section):
    class_name: Annotated[str, Field(pattern=OBJECT)] = ""
    """StorageClass of the apps' claims; empty is the cluster's default class."""
    wait_for_first_consumer: bool = False
    """Set when that class binds claims only once a pod uses them (volumeBindingMode: WaitForFirstConsumer)."""


class Resources(Section):
    requests: Quantities
    """What the scheduler sets aside for the container."""
    limits: Quantities
    """What the container may use at most; keep the memory bounded."""


class Pod(Section):
    priority_class_name: Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")] = ""
    """PriorityClass, e.g. system-cluster-critical, so that apps' pods are evicted first."""
    node_selector: Words = Field(default_factory=dict)
    """Labels of the nodes that it may run on."""
    tolerations: tuple[Part, ...] = ()
    """Taints of nodes that it bears."""
    affinity: dict[str, Any] = Field(default_factory=dict)
    """Where it rather runs, or does not."""
    labels: Marks = Field(default_factory=dict)
    """More labels, e.g. for cost allocation or to keep a service mesh out; the chart's own cannot be changed."""
    annotations: Marks = Field(default_factory=dict)
    """More annotations."""


class Operator(Section):
    replicas: Annotated[int, Field(ge=1, le=5)] = 2
    """One holds the Lease and works, the others take over within seconds."""
    sweep_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """Seconds between two sweeps for what no event reported."""
    progress_deadline_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    """Seconds in which the pod of a new revision must become ready; else the last good revision runs again."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Apps that are reconciled at the same time."""
    log_level: LogLevel = "info"
    """The least severe lines that are written."""
    resources: Resources = Resources(requests={"cpu": "50m", "memory": "128Mi"}, limits={"memory": "384Mi"})
    """Of the operator's container."""
    pod: Pod = Pod()
    """Where the operator's pods run, and what marks them. They are spread over zones and nodes if there are more."""


class Gateway(Section):
    cluster_ip: Annotated[str, Field(alias="clusterIP", pattern=r"^([0-9a-fA-F:.]+)?$")] = ""
    """A fixed address for Service `gateway`; apps' pods find the gateway by it, so a change re-creates them."""
    log_level: LogLevel = "info"
    """The least severe lines that are written."""
    resources: Resources = Resources(requests={"cpu": "50m", "memory": "96Mi"}, limits={"memory": "256Mi"})
    """Of the gateway's container."""
    pod: Pod = Pod()
    """Where the gateway's pod runs, and what marks it."""


class NetworkPolicy(Section):
    api_server_cidrs: Annotated[tuple[Cidr, ...], Field(alias="apiServerCIDRs")] = ()
    """The API server's addresses as CIDRs. Empty: any address, but only on its ports."""
    api_server_ports: Annotated[tuple[Port, ...], Field(min_length=1)] = (443, 6443)
    """The API server's ports."""
    metrics_from: tuple[Part, ...] = ()
    """NetworkPolicyPeers that may scrape metrics on port 9090 of operator and gateway."""


class Monitoring(Section):
    enabled: bool = False
    """Services, ServiceMonitor and PrometheusRule for the Prometheus operator; they wait until the cluster has its
    kinds (monitoring.coreos.com/v1). Needs networkPolicy.metricsFrom."""
    interval: Annotated[str, Field(pattern="^[1-9][0-9]*[sm]$")] = "30s"
    """Time between two scrapes."""
    alerts: bool = True
    """The alerts of files/alerts.yaml, as a PrometheusRule."""
    labels: Marks = Field(default_factory=dict)
    """What Prometheus selects ServiceMonitors and PrometheusRules by, e.g. {release: kube-prometheus-stack}."""


class Admission(Section):
    deny_external_ips: Annotated[bool, Field(alias="denyExternalIPs")] = True
    """Refuse new externalIPs on Services in namespaces that an AppBudget lists: they take other people's traffic."""


class Registries(Section):
    ca_config_map: Annotated[str, Field(alias="caConfigMap", pattern=OBJECT)] = ""
    """ConfigMap of the release's namespace whose key ca.crt holds authorities to trust beside the usual ones."""
    credentials_secret: Annotated[str, Field(pattern=OBJECT)] = ""
    """Secret of the release's namespace, of type kubernetes.io/dockerconfigjson: the kubelet mounts it, the operator
    has no right to read Secrets. Whoever may write apps under a budget can run what its registries hold."""
    token_hosts: Annotated[tuple[HostName, ...], Field(max_length=16)] = ()
    """Hosts of other names than the registry that may issue its tokens, such as auth.docker.io."""
    egress: tuple[Part, ...] = ()
    """NetworkPolicyEgressRules for the operator, to the registries, to where they redirect, and to DNS; without them
    it reaches the API server only."""


class Values(Section):
    """Values of the genapps chart"""

    image: Images = Images()
    """The two images; `make images` builds them."""
    run_namespaces: Annotated[
        tuple[RunNamespace, ...], Field(min_length=1, max_length=100, json_schema_extra={"uniqueItems": True})
    ] = ("genapps-run",)
    """Namespaces in which the apps' pods run; tenants have no rights there. The chart makes them and keeps them (and
    the apps' state in them) when it is uninstalled. An AppBudget picks one with spec.runNamespace."""
    run_namespace_quotas: dict[Name, Annotated[Quantities, Field(min_length=1)]] = Field(default_factory=dict)
    """A ResourceQuota's `hard` map by run namespace, e.g. {genapps-run: {pods: "100", requests.memory: 16Gi}}. It
    holds beside the quota that the operator derives from the AppBudgets (largest tier times maxApps)."""
    runtime_classes: dict[Literal["low", "medium", "high"], RuntimeClass] = Field(default_factory=dict)
    """RuntimeClass of the apps' pods by effective risk class, e.g. {medium: gvisor, high: kata}; a risk class that is
    not there gets the cluster's default runtime. The RuntimeClasses must exist: `genapps preflight` looks."""
    crds: Crds = Crds()
    """The custom resource definitions."""
    storage: Storage = Storage()
    """Where apps keep their state."""
    host_users: bool | None = None
    """User namespaces for the apps' pods: false gives each pod its own (needs Linux 6.3 and a runtime that can), true
    shares the node's, null leaves it to the cluster."""
    operator: Operator = Operator()
    """The process that judges apps and keeps their objects as they should be."""
    gateway: Gateway = Gateway()
    """The process through which apps call tools."""
    registries: Registries = Registries()
    """OCI registries that the code of apps may come from; which ones, an AppBudget's policy.imageRegistries says."""
    network_policy: NetworkPolicy = NetworkPolicy()
    """Whom operator and gateway may reach, and who may reach them."""
    monitoring: Monitoring = Monitoring()
    """Metrics and alerts."""
    admission: Admission = Admission()
    """What the API server refuses beside what always holds (docs/admission.md)."""
