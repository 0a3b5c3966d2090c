# SPDX-License-Identifier: Apache-2.0
"""The values with which the chart is rendered for its judges: the least, two run namespaces, monitoring, everything."""

from typing import NamedTuple

from tools import helm

IMAGES = {"genapps": "localhost/genapps:1", "runtime": "localhost/genapps-runtime:1"}
MONITORING = "monitoring.coreos.com/v1"
DIGEST = f"@sha256:{'0' * 64}"
VERIFIER = {"namespaceSelector": {"matchLabels": {"team": "payments"}}}
SCRAPER = {"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}

_POD = {
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "preference": {"matchExpressions": [{"key": "role", "operator": "In", "values": ["infra"]}]},
                }
            ]
        }
    },
    "labels": {"team": "platform"},
    "annotations": {"sidecar.istio.io/inject": "false"},
}


_SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}


class ValueSet(NamedTuple):
    """Values beside the images, and what the cluster has beside Kubernetes' own API versions."""

    values: helm.Values
    api_versions: tuple[str, ...] = ()

    def render(self) -> list[helm.Manifest]:
        return helm.render({**helm.values_for(IMAGES), **self.values}, api_versions=self.api_versions)


VALUE_SETS = {
    "defaults": ValueSet({}),
    "two run namespaces": ValueSet(
        {
            "runNamespaces": ["apps-finance", "apps-sales"],
            "runNamespaceQuotas": {"apps-sales": {"pods": "20", "requests.memory": "4Gi"}},
        }
    ),
    "monitoring": ValueSet(
        {"monitoring": {"enabled": True}, "networkPolicy": {"metricsFrom": [SCRAPER]}}, (MONITORING,)
    ),
    "everything set": ValueSet(
        {
            "image": {
                **{name: reference.removesuffix(":1") + DIGEST for name, reference in IMAGES.items()},
                "pullPolicy": "Always",
                "pullSecrets": [{"name": "registry"}],
            },
            "runNamespaces": ["apps-finance", "apps-sales"],
            "runNamespaceQuotas": {"apps-sales": {"pods": "20", "requests.memory": "4Gi"}},
            "storage": {"className": "fast.ssd", "waitForFirstConsumer": True},
            "hostUsers": False,
            "runtimeClasses": {"medium": "gvisor", "high": "kata"},
            "apps": {
                "safeToEvict": False,
                "runAsUser": 20000,
                "pod": {**_POD, "topologySpreadConstraints": [_SPREAD]},
                "byRiskClass": {"high": {"nodeSelector": {"pool": "untrusted"}}},
                "byRunNamespace": {"apps-sales": {"labels": {"unit": "sales"}}},
                "childLabels": {"cost-centre": "42"},
                "childAnnotations": {"example.com/contact": "platform@example.com"},
            },
            "operator": {"pod": _POD},
            "gateway": {"clusterIP": "10.96.7.7", "pod": _POD},
            "catalogue": {"readers": ["developers"]},
            "connectors": {
                "serviceNamespaces": ["billing"],
                "podCIDRs": ["203.0.112.0/20"],
                "dns": [{"to": [SCRAPER], "ports": [{"protocol": "UDP", "port": 5353}]}],
            },
            "registries": {
                "caConfigMap": "registry-ca",
                "credentialsSecret": "registry-login",
                "tokenHosts": ["auth.example.com"],
                "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"port": 443}]}],
            },
            "networkPolicy": {
                "apiServerCIDRs": ["10.201.0.2/32"],
                "apiServerPorts": [6443],
                "metricsFrom": [SCRAPER],
                "stepTokenKeysFrom": [VERIFIER],
            },
            "monitoring": {"enabled": True, "interval": "1m", "labels": {"release": "kube-prometheus-stack"}},
        },
        (MONITORING,),
    ),
}
