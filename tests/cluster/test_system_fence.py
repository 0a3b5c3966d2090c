# SPDX-License-Identifier: Apache-2.0
"""The fence of a running app, from inside and from outside, and what happens when it is open or cannot be proved."""

import json

from demo.callers import Pod
from tests.support.apps import RUN_NAMESPACE, SYSTEM_NAMESPACE, Manifest, app, child_of, is_true, ready, until_app
from tools.kubectl import Kubectl, condition, until

HELLO = """
    from genapps import app

    @app.get("/")
    async def hello(request):
        return "hello"
"""
OPEN_ALL = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "hole", "namespace": RUN_NAMESPACE},
    "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
}


def inside(installed: Kubectl, manifest: Manifest) -> Pod:
    pod = child_of(installed, manifest, "pods")
    assert pod is not None
    return Pod(installed, RUN_NAMESPACE, pod["metadata"]["name"])


def test_an_app_reaches_the_gateway_and_nothing_else(installed: Kubectl, tenant: str, caller: Pod) -> None:
    found = ready(installed, app("fenced", tenant, HELLO))
    other = ready(installed, app("other", tenant, HELLO))
    gateway = installed.get("service", "gateway", SYSTEM_NAMESPACE)["spec"]["clusterIP"]
    api = installed.get("service", "kubernetes", "default")["spec"]["clusterIP"]
    caller_address = installed.get("pod", caller.name, tenant)["status"]["podIP"]
    dns = installed.get("service", "kube-dns", "kube-system")["spec"]["clusterIP"]
    targets = {
        "gateway": (gateway, 8443),
        "canary": (gateway, 8444),
        "api server": (api, 443),
        "dns": (dns, 53),
        "caller": (caller_address, 8000),
        "other app": (other["status"]["address"], 80),
        "metadata service": ("169.254.169.254", 80),
    }
    assert inside(installed, found).dial(targets) == {what: what == "gateway" for what in targets}


def test_only_the_own_namespace_may_call(installed: Kubectl, tenant: str, caller: Pod, stranger: Pod) -> None:
    found = ready(installed, app("home", tenant, HELLO))
    assert caller.request("GET", found["status"]["url"] + "/", {}, None).body == "hello"
    assert stranger.request("GET", found["status"]["url"] + "/", {}, None).status is None


def test_ingress_peers_narrow_the_callers(installed: Kubectl, tenant: str, caller: Pod) -> None:
    peers = {"from": [{"podSelector": {"matchLabels": {"app": "somebody-else"}}}]}
    found = ready(installed, app("narrow", tenant, HELLO, ingress=peers))
    assert caller.request("GET", found["status"]["url"] + "/", {}, None).status is None
    installed("label", "pod", caller.name, "-n", tenant, "--overwrite", "app=somebody-else")
    reached = until(lambda: caller.request("GET", found["status"]["url"] + "/", {}, None).status, 20, "an answer")
    assert reached == 200


def test_health_and_metrics_are_closed_to_tenants(installed: Kubectl, tenant: str, caller: Pod) -> None:
    found = ready(installed, app("quiet", tenant, HELLO))
    pod = child_of(installed, found, "pods")
    assert pod is not None
    address = pod["status"]["podIP"]
    assert caller.dial({"app": (address, 8080), "metrics": (address, 9090)}) == {"app": True, "metrics": False}


def test_the_pod_holds_one_token_for_the_gateway_and_no_other(installed: Kubectl, tenant: str) -> None:
    found = ready(installed, app("bare", tenant, HELLO))
    pod = child_of(installed, found, "pods")
    assert pod is not None
    spec = pod["spec"]
    tokens = [
        source["serviceAccountToken"]
        for volume in spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    ]
    assert tokens == [{"audience": "genapps-gateway", "expirationSeconds": 600, "path": "token"}]
    listed = installed("exec", "-n", RUN_NAMESPACE, pod["metadata"]["name"], "--", "ls", "/var/run/secrets")
    assert listed.split() == ["genapps"]
    environment = installed("exec", "-n", RUN_NAMESPACE, pod["metadata"]["name"], "--", "env")
    assert "_SERVICE_HOST" not in environment.replace("KUBERNETES_SERVICE_HOST", "")


def test_an_open_fence_keeps_guest_code_from_loading(installed: Kubectl, tenant: str) -> None:
    installed.apply(OPEN_ALL)
    manifest = app("unfenced", tenant, HELLO)
    try:
        installed.apply(manifest)
        # At first the operator names the policy, then the pod has found the hole.
        found = until_app(installed, manifest, lambda seen: condition(seen, "EgressEnforced")["reason"] == "EgressOpen")
        assert condition(found, "EgressEnforced")["status"] == "False"
        assert condition(found, "Ready")["status"] == "False"
        pod = child_of(installed, found, "pods")
        assert pod is not None
        state = pod["status"]["containerStatuses"][0]
        ended = state.get("lastState", {}).get("terminated") or state.get("state", {}).get("terminated") or {}
        assert json.loads(ended["message"])["reason"] == "EgressOpen"
    finally:
        installed("delete", "networkpolicy", "hole", "-n", RUN_NAMESPACE)
    # Nothing has to be touched: once the fence is whole, the app starts.
    until_app(installed, manifest, is_true("Ready"), seconds=120)


def test_a_widened_policy_is_narrowed_again(installed: Kubectl, tenant: str) -> None:
    found = ready(installed, app("widened", tenant, HELLO))
    policy = child_of(installed, found, "networkpolicies")
    assert policy is not None
    name = policy["metadata"]["name"]
    patch = json.dumps({"spec": {"egress": [{}]}})
    installed("patch", "networkpolicy", name, "-n", RUN_NAMESPACE, "--type=merge", "-p", patch)
    until(lambda: installed.get("networkpolicy", name, RUN_NAMESPACE)["spec"] == policy["spec"], 20, "the old policy")


def test_a_tenant_with_edit_has_no_rights_where_the_fence_is(installed: Kubectl, tenant: str) -> None:
    installed("create", "rolebinding", "editor", "--clusterrole=edit", "--user=dev", "-n", tenant)
    dev = installed.impersonating("dev", "system:authenticated")
    found = app("mine", tenant, HELLO)
    dev.apply(found)
    until_app(installed, found, is_true("Ready"))

    refused = [
        ("update", "generatedapps.genapps.dev/status", tenant),
        ("get", "apprecords.genapps.dev", SYSTEM_NAMESPACE),
        ("patch", "ledgers.genapps.dev", SYSTEM_NAMESPACE),
        ("create", "appbudgets.genapps.dev", tenant),
        *(
            (verb, what, RUN_NAMESPACE)
            for verb, what in [
                ("create", "pods"),
                ("create", "pods/exec"),
                ("create", "serviceaccounts/token"),
                ("get", "configmaps"),
                ("patch", "networkpolicies"),
                ("delete", "persistentvolumeclaims"),
                ("get", "secrets"),
            ]
        ),
    ]
    answers = {row: dev.allowed(*row) for row in refused}
    assert answers == dict.fromkeys(refused, False)
    assert dev.allowed("patch", "generatedapps.genapps.dev", tenant)
