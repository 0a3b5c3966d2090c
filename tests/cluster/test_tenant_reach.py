# SPDX-License-Identifier: Apache-2.0
"""What a tenant with `edit` may do in their own namespace, and that it has no effect on the fence of their app."""

from demo.callers import LISTENING_PORT, Pod
from genapps.api.digests import bundle_digest
from tests.support.admission_table.surroundings import wide_open
from tests.support.api_server import Answer
from tests.support.apps import RUN_NAMESPACE, SYSTEM_NAMESPACE, Manifest, app, child_of, is_true, ready, until_app
from tests.support.tenant import WORD, Tenant
from tools.kubectl import condition, until

GATEWAY_CALL = """
import http.client, ssl, sys
context = ssl.create_default_context(cafile="/etc/genapps/gateway/ca.crt")
gateway = http.client.HTTPSConnection("gateway.genapps-system.svc", 8443, context=context, timeout=10)
token = sys.argv[1] or open("/var/run/secrets/genapps/token").read()
gateway.request("POST", "/v1/heartbeat", "{}", {"Authorization": "Bearer " + token, "Content-Type": "application/json"})
print(gateway.getresponse().status)
"""
CODE = 'from genapps import app\n\n@app.get("/")\nasync def version(request):\n    return "{}"\n'


def at_the_gateway(editor: Tenant, token: str) -> int:
    """The gateway's answer to that token (the app's own when empty), from where the gateway can be reached."""
    where = ("-n", RUN_NAMESPACE, editor.inside.name)
    return int(editor.installed("exec", *where, "--", "python3", "-c", GATEWAY_CALL, token))


def done(editor: Tenant, path: str, body: Manifest, method: str = "POST") -> Answer:
    """Something that the tenant may do in their namespace."""
    answer = editor.api.ask(method, path.format(editor.namespace), body)
    assert answer.code < 300, answer
    return answer


def core(kind: str) -> str:
    return f"/api/v1/namespaces/{{}}/{kind}"


def named(name: str, **more: object) -> Manifest:
    return {"metadata": {"name": name}, **more}


def test_no_token_that_a_tenant_can_mint_opens_the_gateway(editor: Tenant) -> None:
    # The account and the pod have the names that the app's have where it runs.
    done(editor, core("serviceaccounts"), named(editor.child))
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "caller"}
    tokens = {}
    for account, audience, more in (
        ("default", "genapps-gateway", {"boundObjectRef": bound}),
        (editor.child, "genapps-gateway", {}),
        ("dev", "https://kubernetes.default.svc.cluster.local", {}),
    ):
        wish = {"spec": {"audiences": [audience], "expirationSeconds": 600, **more}}
        path = core(f"serviceaccounts/{account}/token")
        tokens[account] = done(editor, path, wish).body["status"]["token"]
    assert at_the_gateway(editor, "") not in (401, 403), "the app's own token opens it"
    assert {account: at_the_gateway(editor, token) for account, token in tokens.items()} == dict.fromkeys(tokens, 401)
    gateway = editor.installed.get("service", "gateway", SYSTEM_NAMESPACE)["spec"]["clusterIP"]
    assert editor.caller.dial({"calls": (gateway, 8443), "canary": (gateway, 8444)}) == {
        "calls": False,
        "canary": False,
    }
    assert not editor.installed.get("gapp", "keeper", editor.namespace)["status"].get("violations", {}).get("total")


def test_policies_and_labels_of_a_tenant_widen_nothing(editor: Tenant, stranger: Pod) -> None:
    networkpolicies = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"
    policy = wide_open(editor.namespace)
    policy["spec"] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}
    done(editor, networkpolicies, policy)
    labels = {
        "app.kubernetes.io/name": "genapps",
        "app.kubernetes.io/component": "gateway",
        "genapps.dev/app": "keeper",
        "genapps.dev/app-namespace": editor.namespace,
    }
    done(editor, core("pods/caller"), {"metadata": {"labels": labels}}, "PATCH")
    caller = editor.installed.get("pod", "caller", editor.namespace)["status"]["podIP"]
    app_pod = editor.part("pods")["status"]["podIP"]
    assert editor.inside.dial({"caller": (caller, LISTENING_PORT), "as gateway": (caller, 8443)}) == {
        "caller": False,
        "as gateway": False,
    }
    assert editor.caller.dial({"app": (app_pod, 8080), "metrics": (app_pod, 9090)}) == {"app": True, "metrics": False}
    assert stranger.dial({"app": (app_pod, 8080)}) == {"app": False}


def test_a_claim_of_a_tenant_never_gets_the_state_of_an_app(editor: Tenant) -> None:
    volume = editor.part("persistentvolumeclaims")["spec"]["volumeName"]
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    done(editor, core("persistentvolumeclaims"), named("stolen", spec={**size, "volumeName": volume}))
    source = {"kind": "PersistentVolumeClaim", "name": editor.child, "namespace": RUN_NAMESPACE}
    cloned = done(editor, core("persistentvolumeclaims"), named("cloned", spec={**size, "dataSourceRef": source}))
    assert "namespace" not in cloned.body["spec"].get("dataSourceRef", {})

    def told() -> bool:
        events = editor.installed.items("events", "-n", editor.namespace)
        return any(each["reason"] == "FailedBinding" and each["involvedObject"]["name"] == "stolen" for each in events)

    until(told, 60, "the refusal of the volume")
    assert editor.installed.get("pvc", "stolen", editor.namespace)["status"]["phase"] == "Pending"
    owner = editor.installed.get("pv", volume)["spec"]["claimRef"]
    assert (owner["namespace"], owner["name"]) == (RUN_NAMESPACE, editor.child)
    assert editor.said() == WORD


def test_objects_with_the_names_of_an_apps_own_take_nothing_over(editor: Tenant) -> None:
    before = editor.installed.get("gapp", "keeper", editor.namespace)["status"]
    done(editor, core("services"), named(editor.child, spec={"ports": [{"port": 80, "targetPort": 8000}]}))
    done(editor, core("configmaps"), named(editor.part("pods")["spec"]["volumes"][0]["configMap"]["name"], data={}))
    editor.installed("annotate", "gapp", "keeper", "-n", editor.namespace, "example.com/touched=yes")
    after = until_app(editor.installed, editor.app, is_true("Ready"))["status"]
    assert (after["url"], after["address"]) == (before["url"], before["address"])
    assert after["url"] == f"http://{editor.child}.{RUN_NAMESPACE}.svc"
    assert editor.said() == WORD


def test_code_that_is_swapped_after_it_was_judged_does_not_run(editor: Tenant) -> None:
    good, bad = CODE.format("judged"), CODE.format("swapped")
    labels = {"genapps.dev/source": "true"}
    source = {"metadata": {"name": "code", "labels": labels}, "data": {"app.py": good}}
    done(editor, core("configmaps"), source)
    manifest = app("swapped", editor.namespace, "")
    manifest["spec"]["code"] = {
        "language": "python",
        "digest": bundle_digest("app.py", {"app.py": good.encode()}),
        "source": {"configMap": {"name": "code", "entry": "app.py"}},
    }
    found = ready(editor.installed, manifest)
    url = found["status"]["url"] + "/"
    assert editor.caller.request("GET", url, {}, None).body == "judged"
    done(editor, core("configmaps/code"), {"data": {"app.py": bad}}, "PATCH")
    differs = until_app(
        editor.installed, manifest, lambda seen: condition(seen, "CodeVerified")["reason"] == "SourceDiffers"
    )
    assert differs["status"]["codeDigest"] == manifest["spec"]["code"]["digest"]
    assert editor.caller.request("GET", url, {}, None).body == "judged"
    # The pod starts anew, from the snapshot that was judged.
    name = found["status"]["url"].removeprefix("http://").partition(".")[0]
    uid = editor.installed.get("pod", name, RUN_NAMESPACE)["metadata"]["uid"]
    editor.installed("delete", "pod", name, "-n", RUN_NAMESPACE, "--grace-period=1")

    def again() -> bool:
        pod = editor.installed.find("pod", name, RUN_NAMESPACE)
        return pod is not None and pod["metadata"]["uid"] != uid and condition(pod, "Ready").get("status") == "True"

    until(again, 60, "another pod")
    answer = until(lambda: editor.caller.request("GET", url, {}, None).body, 20, "an answer")
    assert answer == "judged"


def test_labels_of_an_app_are_never_those_of_its_pod(editor: Tenant) -> None:
    manifest = app("labelled", editor.namespace, CODE.format("hello"))
    manifest["metadata"]["labels"] = {"app.kubernetes.io/component": "gateway", "example.com/mine": "yes"}
    manifest["metadata"]["annotations"] = {"genapps.dev/owner": "others"}
    pod = child_of(editor.installed, ready(editor.installed, manifest), "pods")
    assert pod is not None
    assert "example.com/mine" not in pod["metadata"]["labels"]
    assert pod["metadata"]["labels"].get("app.kubernetes.io/component") != "gateway"
    assert pod["metadata"].get("annotations", {}).get("genapps.dev/owner") != "others"
