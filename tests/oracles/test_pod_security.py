# SPDX-License-Identifier: Apache-2.0
"""Every pod that we create or ship passes Pod Security (restricted, latest version), as the API server judges it.

The judge is shown spoiled pods as well: one that lets everything pass would prove nothing.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.oracles.programs import BUILD_SECONDS, ask
from tests.unit.core.world import CHILD, PLATFORM, World, app, budget
from tools import helm

pytestmark = pytest.mark.timeout(BUILD_SECONDS)
GOLDEN = Path(__file__).parents[1] / "golden" / "desired"
IMAGES = {"genapps": "localhost/genapps:1", "runtime": "localhost/genapps-runtime:1"}
TEMPLATES = ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job")
Pod = dict[str, Any]


def forbidden(*pods: Pod) -> list[list[str]]:
    """What the judge finds in each pod."""
    return [answer["forbidden"] for answer in ask("pod-security", pods)]


def pods_in(manifests: list[dict[str, Any]]) -> Iterator[Pod]:
    """Every pod of these manifests, also those that a controller will make."""
    for manifest in manifests:
        template = manifest.get("spec", {})
        if manifest["kind"] == "CronJob":
            template = template["jobTemplate"]["spec"]
        if manifest["kind"] in (*TEMPLATES, "CronJob"):
            template = template["template"]
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]}
        elif manifest["kind"] == "Pod":
            yield manifest


def runtime_pod(**platform: Any) -> Pod:
    world = World(platform=replace(PLATFORM, **platform)).run()
    return world.manifests["Pod", CHILD]


def everything_set() -> dict[str, Any]:
    return {
        "hostUsers": False,
        "image": {**IMAGES, "pullPolicy": "Always", "pullSecrets": [{"name": "pull"}]},
        "runNamespaces": ["apps-finance", "apps-sales"],
        "storage": {"className": "fast", "waitForFirstConsumer": True},
    }


@pytest.mark.parametrize("host_users", [None, True, False])
@pytest.mark.parametrize("runtime_class", [{}, {"low": "gvisor"}], ids=["no runtime class", "a runtime class"])
def test_an_apps_pod_is_restricted(host_users: bool | None, runtime_class: dict[str, str]) -> None:
    pod = runtime_pod(host_users=host_users, runtime_class_by_risk=runtime_class)
    assert pod["spec"].get("hostUsers") is host_users
    assert pod["spec"].get("runtimeClassName") == runtime_class.get("low")
    assert forbidden(pod) == [[]]


def test_no_field_of_an_app_or_its_tier_makes_its_pod_less_restricted() -> None:
    tiers = {"small": None, "huge": {"cpu": "16", "guestMemory": "3Gi"}}
    spec = {"tier": "huge", "workloadClass": "batch", "idleTimeout": "15m", "envelope": {"riskClass": "medium"}}
    world = World(app=app(spec), budget=budget({"tiers": tiers})).run()
    assert forbidden(world.manifests["Pod", CHILD]) == [[]]


def test_every_pod_of_the_golden_outputs_is_restricted() -> None:
    outputs = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob("*/output.yaml"))]
    pods = [pod for output in outputs for pod in pods_in(output["children"])]
    assert len(pods) >= 5
    assert forbidden(*pods) == [[]] * len(pods)


@pytest.mark.parametrize("values", [helm.values_for(IMAGES), everything_set()], ids=["least values", "many values"])
def test_every_pod_of_the_chart_is_restricted(values: helm.Values) -> None:
    pods = list(pods_in(helm.render(values)))
    components = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods}
    assert components == {"operator", "gateway", "test", "fence-check"}
    assert forbidden(*pods) == [[]] * len(pods)


def spec(**fields: Any) -> Callable[[Pod], None]:
    return lambda pod: pod["spec"].update(fields)


def security(**fields: Any) -> Callable[[Pod], None]:
    return lambda pod: _set(pod["spec"]["securityContext"], fields)


def container(**fields: Any) -> Callable[[Pod], None]:
    return lambda pod: _set(pod["spec"]["containers"][0], fields)


def container_security(**fields: Any) -> Callable[[Pod], None]:
    return lambda pod: _set(pod["spec"]["containers"][0]["securityContext"], fields)


def volume(**source: Any) -> Callable[[Pod], None]:
    return lambda pod: pod["spec"]["volumes"].append({"name": "more", **source})


def another(kind: str) -> Callable[[Pod], None]:
    return lambda pod: pod["spec"].update({kind: [{"name": "more", "image": "localhost/more:1"}]})


def _set(part: dict[str, Any], fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if value is None:
            del part[name]
        else:
            part[name] = value


PROBE = {"httpGet": {"path": "/", "port": 80, "host": "169.254.169.254"}}
SPOILED: dict[str, tuple[Callable[[Pod], None], str]] = {
    "the node's network": (spec(hostNetwork=True), "host namespaces"),
    "the node's processes": (spec(hostPID=True), "host namespaces"),
    "the node's IPC": (spec(hostIPC=True), "host namespaces"),
    "a directory of the node": (volume(hostPath={"path": "/"}), "restricted volume types"),
    "a network file system": (volume(nfs={"server": "a", "path": "/"}), "restricted volume types"),
    "a port of the node": (container(ports=[{"containerPort": 80, "hostPort": 80}]), "hostPort"),
    "a probe of another host": (container(readinessProbe=PROBE), "probe or lifecycle host"),
    "a privileged container": (container_security(privileged=True), "privileged"),
    "escalation allowed": (container_security(allowPrivilegeEscalation=True), "allowPrivilegeEscalation != false"),
    "escalation not spoken of": (
        container_security(allowPrivilegeEscalation=None),
        "allowPrivilegeEscalation != false",
    ),
    "capabilities kept": (container_security(capabilities=None), "unrestricted capabilities"),
    "a capability added": (
        container_security(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        "unrestricted capabilities",
    ),
    "the kernel's files unmasked": (container_security(procMount="Unmasked"), "procMount"),
    "a process of the host": (security(windowsOptions={"hostProcess": True}), "hostProcess"),
    "root allowed": (security(runAsNonRoot=None), "runAsNonRoot != true"),
    "root allowed in the container": (container_security(runAsNonRoot=False), "runAsNonRoot != true"),
    "root by number": (security(runAsUser=0), "runAsUser=0"),
    "no seccomp profile": (security(seccompProfile=None), "seccompProfile"),
    "seccomp switched off": (container_security(seccompProfile={"type": "Unconfined"}), "seccompProfile"),
    "AppArmor switched off": (security(appArmorProfile={"type": "Unconfined"}), "forbidden AppArmor profile"),
    "a role of SELinux": (security(seLinuxOptions={"role": "sysadm_r"}), "seLinuxOptions"),
    "a kernel parameter": (security(sysctls=[{"name": "kernel.msgmax", "value": "1"}]), "forbidden sysctls"),
    "a careless container beside it": (another("ephemeralContainers"), "allowPrivilegeEscalation != false"),
    "a careless container before it": (another("initContainers"), "unrestricted capabilities"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_the_judge_refuses_an_apps_pod_that_is_spoiled_by(how: str) -> None:
    spoil, complaint = SPOILED[how]
    pod = copy.deepcopy(runtime_pod())
    spoil(pod)
    (found,) = forbidden(pod)
    assert any(complaint in reason for reason in found), found


def test_a_field_that_no_pod_has_is_refused_and_not_overlooked() -> None:
    pod = copy.deepcopy(runtime_pod())
    pod["spec"]["securityContex"] = {}
    with pytest.raises(AssertionError, match="securityContex"):
        forbidden(pod)
