# SPDX-License-Identifier: Apache-2.0
"""Does the cluster have what genapps needs? Each check looks at one thing, says what it found and what to do.

Pure: `Seen` holds what the API server answered. A thing that could not be read is never taken for good.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

from genapps.api import names, quantities
from genapps.cli.preflight.seen import GATEWAY, OPERATOR, Check, Level, Object, Seen
from genapps.core import ephemeral_storage
from genapps.core.namespace_quota import BOUNDS_NAME

OLDEST_KUBERNETES = (1, 32)
MOST_PIDS = 4096
OLDEST_KERNEL = (6, 3)
"""Linux with idmapped mounts for everything that an app's pod mounts."""
CILIUM = "ciliumnetworkpolicies.cilium.io"
"""A CRD that every Cilium installs."""
POLICIES = (
    "genapps-acknowledgement",
    "genapps-budgets",
    "genapps-gateway-secret",
    "genapps-grants",
    "genapps-ledger-deletion",
    "genapps-ledgers",
    "genapps-budget-record-deletion",
    "genapps-budget-records",
    "genapps-record-deletion",
    "genapps-records",
    "genapps-run-namespace-entry",
    "genapps-run-namespace-labels",
    "genapps-stage",
    "genapps-status",
)
"""The chart's ValidatingAdmissionPolicies that no value leaves out."""


def preflight(seen: Seen) -> tuple[Check, ...]:
    """All checks in the order in which they are best repaired."""
    return tuple(found for check in CHECKS for found in check(seen))


def kubernetes_version(seen: Seen) -> Iterator[Check]:
    """ValidatingAdmissionPolicies with everything that ours use."""
    text = f"{seen.version.get('major', '?')}.{seen.version.get('minor', '?')}"
    number = tuple(int(part) for part in re.findall(r"[0-9]+", text)[:2])
    good = number >= OLDEST_KUBERNETES
    wanted = ".".join(map(str, OLDEST_KUBERNETES))
    yield _check("Kubernetes version", good, text, f"upgrade the cluster to {wanted} or newer")


def pid_limits(seen: Seen) -> Iterator[Check]:
    """Pods have no field for it: only the kubelet keeps a pod from taking all process ids of its node."""
    for node in seen.nodes:
        name = node["metadata"]["name"]
        title, kubelet = f"pid limit of node {name}", seen.kubelets.get(name, "not asked")
        if isinstance(kubelet, str):
            step = "get the right get on nodes/proxy, or check podPidsLimit in the kubelet's configuration"
            yield Check(title, Level.WARN, f"unknown: {kubelet}", step)
            continue
        limit = int(kubelet.get("podPidsLimit") or -1)
        step = f"set podPidsLimit in the kubelet's configuration to {MOST_PIDS} or less"
        if limit <= 0:
            yield Check(title, Level.FAIL, "none", step)
        else:
            yield Check(title, Level.OK if limit <= MOST_PIDS else Level.WARN, str(limit), step)


def log_rotation(seen: Seen) -> Iterator[Check]:
    """An app that logs much is evicted where its node keeps more of a log than a pod may take of its disk."""
    for node in seen.nodes:
        name = node["metadata"]["name"]
        kubelet = seen.kubelets.get(name, "not asked")
        title, size, files = f"logs on node {name}", *_rotation({} if isinstance(kubelet, str) else kubelet)
        if isinstance(kubelet, str):
            step = "allow yourself get on nodes/proxy, or look at containerLogMaxSize in the kubelet's configuration"
            yield Check(title, Level.WARN, f"unknown: {kubelet}", step)
            continue
        look = str(kubelet.get("containerLogMonitorInterval") or "10s")
        most = quantities.memory(ephemeral_storage.LIMIT_BYTES)
        try:
            bound = quantities.byte_count(size)
            fits = bound > 0 and ephemeral_storage.needed(bound, files, _seconds(look)) <= ephemeral_storage.LIMIT_BYTES
        except ValueError:
            fits = False
        step = f"lower containerLogMaxSize or containerLogMaxFiles of the kubelet: a pod may take {most} of the disk"
        yield Check(title, Level.OK if fits else Level.WARN, f"{files} of {size}, looked at every {look}", step)


def _rotation(kubelet: Object) -> tuple[str, int]:
    """Size and number of the logs that a kubelet keeps of a container, with its defaults."""
    return str(kubelet.get("containerLogMaxSize") or "10Mi"), int(kubelet.get("containerLogMaxFiles") or 5)


def _seconds(duration: str) -> float:
    """Seconds of a duration as Go writes it, such as `1m0s`; raises ValueError for anything else."""
    parts = re.findall(r"([0-9.]+)(ms|h|m|s)", duration)
    if "".join(map("".join, parts)) != duration:
        raise ValueError(duration)
    return sum(float(number) * {"h": 3600, "m": 60, "s": 1, "ms": 0.001}[unit] for number, unit in parts)


def user_namespaces(seen: Seen) -> Iterator[Check]:
    """`hostUsers: false` on a kernel that cannot map a pod's mounts leaves every app without a pod."""
    setting = seen.settings.get("GENAPPS_HOST_USERS", "")
    if setting != "false":
        shown = "the cluster's default" if not setting else "shared with the node"
        yield Check(
            "user namespaces",
            Level.OK,
            shown,
        )
        return
    for node in seen.nodes:
        kernel = str(node.get("status", {}).get("nodeInfo", {}).get("kernelVersion", "?"))
        number = tuple(int(part) for part in re.findall(r"[0-9]+", kernel)[:2])
        title, step = f"user namespaces on node {node['metadata']['name']}", "set the chart's hostUsers to null"
        yield _check(title, number >= OLDEST_KERNEL, f"Linux {kernel}", f"{step}, or use Linux 6.3 or newer")


def custom_resources(seen: Seen) -> Iterator[Check]:
    """Served, and with the fields of this version."""
    for name, expected in sorted(seen.expected_crds.items()):
        title, live = f"CRD {name}", seen.crds.get(name)
        if live is None:
            yield Check(title, Level.FAIL, "missing", "install the chart with crds.enabled, or apply crds/")
            continue
        conditions = {entry["type"]: entry["status"] for entry in live.get("status", {}).get("conditions", ())}
        if conditions.get("Established") != "True":
            yield Check(title, Level.FAIL, "not established", f"run kubectl describe crd {name}")
            continue
        missing, extra = _fields(expected) - _fields(live), _fields(live) - _fields(expected)
        odd = ", ".join([*(f"no {path}" for path in sorted(missing)[:3]), *(f"{path}" for path in sorted(extra)[:3])])
        step = "upgrade the chart with crds.enabled, or run genapps preflight of the installed version"
        yield _check(title, not missing and not extra, f"of another version: {odd}" if odd else "established", step)


def admission_policies(seen: Seen) -> Iterator[Check]:
    """Present, bound so that they refuse, and closed when they cannot be evaluated."""
    denying = {
        binding["spec"]["policyName"]
        for binding in seen.bindings
        if "Deny" in binding["spec"].get("validationActions", ())
    }
    wrong = []
    for name in POLICIES:
        policy = seen.policies.get(name)
        if policy is None:
            wrong.append(f"{name} is missing")
        elif policy["spec"].get("failurePolicy", "Fail") != "Fail":
            wrong.append(f"{name} does not fail closed")
        elif name not in denying:
            wrong.append(f"{name} has no binding that denies")
    found = "; ".join(wrong) if wrong else f"{len(POLICIES)} bound"
    yield _check("admission policies", not wrong, found, "run helm upgrade, and find out who changed them")


def run_namespaces(seen: Seen) -> Iterator[Check]:
    """As the chart makes them: they are the fence's ground."""
    for name in seen.run_namespaces:
        wrong = tuple(_unprepared(seen, name))
        found = "; ".join(wrong) if wrong else "prepared"
        yield _check(f"run namespace {name}", not wrong, found, "run helm upgrade, and find out who changed it")
        if BOUNDS_NAME not in seen.quotas.get(name, ()):
            step = "if an AppBudget names this namespace, check the operator's log"
            yield Check(f"quota of {name}", Level.WARN, f"no ResourceQuota {BOUNDS_NAME}", step)


def _unprepared(seen: Seen, name: str) -> Iterator[str]:
    namespace = seen.namespaces.get(name)
    if namespace is None:
        yield "missing"
        return
    labels = namespace["metadata"].get("labels") or {}
    if labels.get(names.LABEL_RUN_NAMESPACE) != "true":
        yield f'no label {names.LABEL_RUN_NAMESPACE}: "true"'
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "Pod Security does not enforce restricted"
    if not any(_denies_all(policy) for policy in seen.network_policies.get(name, ())):
        yield "no NetworkPolicy that denies all"
    if OPERATOR not in seen.roles.get(name, ()):
        yield f"Role {OPERATOR} is missing"


def _denies_all(policy: Object) -> bool:
    spec = policy.get("spec", {})
    everyone = not spec.get("podSelector") and set(spec.get("policyTypes", ())) == {"Ingress", "Egress"}
    return everyone and not spec.get("ingress") and not spec.get("egress")


def storage_class(seen: Seen) -> Iterator[Check]:
    """A class whose binding mode is another one than the operator was told leaves every app without a pod."""
    named = seen.settings.get("GENAPPS_STORAGE_CLASS", "")
    default = "storageclass.kubernetes.io/is-default-class"
    found = {
        name: class_
        for name, class_ in seen.storage_classes.items()
        if name == named or (not named and (class_["metadata"].get("annotations") or {}).get(default) == "true")
    }
    if not found:
        shown = f"{named} does not exist" if named else "the cluster has no default class"
        yield Check("storage class", Level.FAIL, shown, "set the chart's storage.className to a class that exists")
        return
    told = seen.settings.get("GENAPPS_WAIT_FOR_FIRST_CONSUMER") == "true"
    for name, class_ in sorted(found.items()):
        waits = class_.get("volumeBindingMode") == "WaitForFirstConsumer"
        step = f"set the chart's storage.waitForFirstConsumer to {json.dumps(waits)}"
        yield _check(f"storage class {name}", waits == told, str(class_.get("volumeBindingMode")), step)


def runtime_classes(seen: Seen) -> Iterator[Check]:
    """A pod that names a class which does not exist is refused."""
    for entry in filter(None, seen.settings.get("GENAPPS_RUNTIME_CLASSES", "").split(",")):
        risk, _, name = (part.strip() for part in entry.partition("="))
        there = name in seen.runtime_classes
        step = "create the RuntimeClass, or correct the chart's runtimeClasses"
        yield _check(f"runtime class for {risk} risk", there, name if there else f"{name} does not exist", step)


def pull_secrets(seen: Seen) -> Iterator[Check]:
    """Pods name them, and the kubelet looks for them in the pod's own namespace."""
    for run in seen.run_namespaces:
        for name in seen.pull_secrets:
            title, wrong = f"pull secret {run}/{name}", seen.secrets.get((run, name), "unknown: not asked")
            if wrong.startswith("unknown"):
                step = "allow yourself get on this Secret, or look for it in another way"
                yield Check(title, Level.WARN, wrong, step)
            else:
                step = f"create Secret {name} of type kubernetes.io/dockerconfigjson in namespace {run}"
                yield _check(title, not wrong, wrong or "there", step)


def api_server_reach(seen: Seen) -> Iterator[Check]:
    """Cilium matches no node by its address, so a policy that names the API server's cuts operator and gateway off."""
    if CILIUM not in seen.crds:
        return
    rules = seen.system_policies.get(OPERATOR, {}).get("spec", {}).get("egress") or ()
    by_address = any("ipBlock" in peer for rule in rules[:1] for peer in rule.get("to") or ())
    step = "set the chart's networkPolicy.apiServerCIDRs to [], unless Cilium has policy-cidr-match-mode: nodes"
    found = "by CIDR, and Cilium runs here" if by_address else "by port"
    yield Check("way to the API server", Level.WARN if by_address else Level.OK, found, step if by_address else "")


def connector_proxy(seen: Seen) -> Iterator[Check]:
    """A proxy that looks names up connects to what the gateway has not checked."""
    told = seen.gateway_settings
    if not told.get("GENAPPS_EGRESS_PROXY"):
        return
    title, step = "proxy of connectors", "set the chart's connectors.proxy.resolvesNames to false"
    if told.get("GENAPPS_EGRESS_PROXY_RESOLVES_NAMES") == "true":
        yield Check(title, Level.WARN, "looks names up itself: a hole, it may connect to private addresses", step)
    else:
        yield Check(title, Level.OK, "is told addresses that were checked")


def deployments(seen: Seen) -> Iterator[Check]:
    """Operator and gateway are there and ready."""
    for name in (OPERATOR, GATEWAY):
        found = seen.deployments.get(name)
        if found is None:
            yield Check(name, Level.FAIL, f"not in namespace {seen.system_namespace}", "install the chart")
            continue
        wanted = int(found.get("spec", {}).get("replicas", 1))
        ready = int(found.get("status", {}).get("readyReplicas", 0))
        step = f"run kubectl describe deployment {name} -n {seen.system_namespace}, and check the logs of its pods"
        yield _check(name, 0 < wanted <= ready, f"{ready} of {wanted} ready", step)


CHECKS: tuple[Callable[[Seen], Iterator[Check]], ...] = (
    kubernetes_version,
    pid_limits,
    log_rotation,
    user_namespaces,
    storage_class,
    runtime_classes,
    custom_resources,
    admission_policies,
    run_namespaces,
    pull_secrets,
    api_server_reach,
    connector_proxy,
    deployments,
)


def _check(name: str, good: bool, found: str, next_step: str) -> Check:
    return Check(name, Level.OK if good else Level.FAIL, found, next_step)


def _fields(crd: Object) -> frozenset[str]:
    """Paths of all fields in the schemas of a CRD's versions."""
    found: set[str] = set()
    for version in crd.get("spec", {}).get("versions", ()):
        schema = version.get("schema", {}).get("openAPIV3Schema", {})
        found.update(f"{version['name']}:{path}" for path in _paths(schema, ""))
    return frozenset(found)


def _paths(schema: Object, at: str) -> Iterator[str]:
    for name, below in schema.get("properties", {}).items():
        path = f"{at}.{name}"
        yield path
        yield from _paths(below, path)
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), Mapping):
            yield from _paths(schema[inner], f"{at}[]")
