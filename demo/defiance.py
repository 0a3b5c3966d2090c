# SPDX-License-Identifier: Apache-2.0
"""Two scenes about the control plane: a tenant tries to get around it, and changes of an app fail."""

import json
from collections.abc import Callable, Sequence

from demo import apps
from demo.apps import Manifest
from demo.callers import HOME, Pod
from demo.cast import CAST
from demo.terminal import SceneError, Terminal
from tools.kubectl import Kubectl, KubectlError, condition

TENANT = "dana"
EDITED = "unit-converter"
SWITCH_SECONDS = 60
_SHOWN = 96
_UNAVAILABLE = "import numpy\n\n"
_BROKEN = "raise RuntimeError('this generation does not load')\n"


def tenant(kubectl: Kubectl) -> Kubectl:
    """kubectl as a person who has Kubernetes' own role `edit` in the business unit's namespace, and nothing else."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": TENANT, "namespace": HOME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": TENANT}],
    }
    kubectl.apply(binding)
    return kubectl.impersonating(TENANT, "system:authenticated")


def trespass(terminal: Terminal, kubectl: Kubectl) -> dict[str, str]:
    """What tenants try with their own app, and what the API server says: {what: refusal}."""
    target = next(iter(CAST))
    terminal.scene(f"A tenant with role edit in {HOME} attacks the rules of their own app {target}")
    own = tenant(kubectl)
    (pod,) = apps.child(kubectl, target, "pods")
    seen = {what: _refusal(own, words, given) for what, words, given in _attempts(target, pod["metadata"]["name"])}
    terminal.rows(
        ("the tenant tries to", "the API server answers"), [(what, _short(said)) for what, said in seen.items()]
    )
    for what, said in seen.items():
        if not said:
            raise SceneError(f"{TENANT} could {what}: the admission policies are not in effect")
    terminal.good("the API server refuses all of it, even while the operator is down")
    return seen


def _attempts(target: str, pod: str) -> list[tuple[str, Sequence[str], str]]:
    """What the tenant tries, as words of kubectl and its standard input."""
    app = ("patch", "gapp", target, "-n", HOME, "--type=merge", "--dry-run=server", "-p")
    digest = f"sha256:{'0' * 64}"
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "catcher", "namespace": HOME},
        "spec": {"ports": [{"port": 8443}], "externalIPs": ["192.0.2.1"]},
    }
    create = ("create", "--dry-run=server", "-f", "-")
    return [
        ("widen its envelope", (*app, _spec({"envelope": {"connectors": ["payroll"]}})), ""),
        ("use a tier that was not granted", (*app, _spec({"tier": "huge"})), ""),
        ("promote it", (*app, _spec({"stage": "Internal", "code": {"digest": digest}})), ""),
        ("write its status", (*app, json.dumps({"status": {"stage": "Broad"}}), "--subresource=status"), ""),
        ("open a shell in its pod", ("exec", "-n", apps.RUN_NAMESPACE, pod, "--", "true"), ""),
        ("create a token for it", ("create", "token", pod, "-n", apps.RUN_NAMESPACE), ""),
        ("read its claim", ("get", "pvc", pod, "-n", apps.RUN_NAMESPACE), ""),
        ("delete the evidence", ("delete", "apprecord", pod, "-n", "genapps-system", "--dry-run=server"), ""),
        ("catch traffic by externalIPs", create, json.dumps(service)),
    ]


def _spec(changes: Manifest) -> str:
    return json.dumps({"spec": changes})


def _refusal(own: Kubectl, words: Sequence[str], given: str) -> str:
    try:
        own(*words, given=given or None)
    except KubectlError as refused:
        return str(refused)
    return ""


def _short(said: str) -> str:
    """The part of a refusal that says why."""
    words = " ".join(said.split()).removeprefix("Error from server (Forbidden): ")
    for mark in ("denied request: ", "is invalid: ", "forbidden: "):
        words = words.rpartition(mark)[2]
    return words if len(words) <= _SHOWN else f"{words[: _SHOWN - 3]}..."


def change(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> dict[str, Manifest]:
    """Code that cannot load, reported in advance or found at the start. The last good revision answers: {reason:
    app}.
    """
    terminal.scene(f"Two bad changes of {EDITED}: one is not rolled out, the other is rolled back")
    imported = _edited(kubectl, _UNAVAILABLE)
    held = apps.until(kubectl, EDITED, _says("CodeVerified", "False", imported), SWITCH_SECONDS, "judged")
    _told(terminal, kubectl, caller, held, "CodeVerified", "the code imports a module that is not available to apps:")
    broken = _edited(kubectl, _BROKEN)
    returned = apps.until(kubectl, EDITED, _says("Stalled", "True", broken), SWITCH_SECONDS, "rolled back")
    returned = apps.until(kubectl, EDITED, apps.ready, SWITCH_SECONDS, "answering again")
    _told(terminal, kubectl, caller, returned, "Stalled", "the code raises an error at load:")
    kubectl("apply", "-f", str(apps.EXAMPLES / f"{EDITED}.yaml"))
    settled = apps.until(kubectl, EDITED, _settled, SWITCH_SECONDS, "settled")
    terminal.good("the original applied again: the app is not stalled and still has its state")
    return {
        condition(held, "CodeVerified")["reason"]: held,
        condition(returned, "Stalled")["reason"]: returned,
        condition(settled, "Ready")["reason"]: settled,
    }


def _edited(kubectl: Kubectl, line: str) -> int:
    """Put a line before the app's code; the generation that this makes."""
    source = apps.read(kubectl, EDITED)["spec"]["code"]["source"]["inline"]
    for earlier in (_UNAVAILABLE, _BROKEN):
        source = source.removeprefix(earlier)
    patch = _spec({"code": {"source": {"inline": line + source}}})
    changed: Manifest = json.loads(
        kubectl("patch", "gapp", EDITED, "-n", HOME, "--type=merge", "-p", patch, "-o", "json")
    )
    return int(changed["metadata"]["generation"])


def _says(kind: str, status: str, generation: int) -> Callable[[Manifest], bool]:
    def holds(app: Manifest) -> bool:
        current = app.get("status", {}).get("observedGeneration", -1) >= generation
        return bool(current and condition(app, kind).get("status") == status)

    return holds


def _settled(app: Manifest) -> bool:
    return apps.ready(app) and condition(app, "Stalled")["status"] == "False"


def _told(terminal: Terminal, kubectl: Kubectl, caller: Pod, app: Manifest, kind: str, what: str) -> None:
    """Show the condition that reports it, and that callers are still answered."""
    found = condition(app, kind)
    terminal.say(f"{what[0].upper()}{what[1:]}")
    terminal.say(f"{kind}={found['status']} {found['reason']}: {found['message']}")
    reply = apps.ask(caller, apps.read(kubectl, EDITED), CAST[EDITED][0])
    if reply.status != 200:
        raise SceneError(f"{EDITED} no longer answers: {reply.shown()}\n{apps.explained(app)}")
    terminal.good(f"{HOME} -> {EDITED}  {CAST[EDITED][0].shown()}: {reply.status}")
