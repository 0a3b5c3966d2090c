# SPDX-License-Identifier: Apache-2.0
"""A scene about an incident: an AppHold stops a family of apps, and nothing starts until it is acknowledged."""

from dataclasses import dataclass

from demo import apps, trial
from demo.apps import Manifest
from demo.callers import HOME, Pod, Reply
from demo.cast import CAST
from demo.terminal import SceneError, Terminal
from demo.trial import APP, HOLD, LATE
from tools.kubectl import Kubectl, KubectlError, condition, until

HELD_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Held:
    """What the demo saw of the hold."""

    listed: str
    late_pods: int
    spared: Reply
    early: str
    """What the API server said of an acknowledgement while the hold was there."""
    pods_after: int
    """Pods of the family after the hold was deleted."""
    resumed: Manifest


def stop_a_family(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> Held:
    """A hold stops the family `trials`, an app that runs and one that is created later, and is deleted again."""
    terminal.scene("An incident: an AppHold stops all apps of the family trials")
    trial.start(terminal, kubectl)
    terminal.command(["kubectl", "apply", "-f", f"examples/{trial.HOLD_FILE}"])
    terminal.output(kubectl("apply", "-f", str(apps.EXAMPLES / trial.HOLD_FILE)))
    app = apps.until(kubectl, APP, _held, HELD_SECONDS, "held")
    terminal.say(condition(app, "Suspended")["message"])
    kubectl.apply(_late(app))
    apps.until(kubectl, LATE, _held, HELD_SECONDS, "held")
    until(lambda: not apps.child(kubectl, APP, "pods"), HELD_SECONDS, f"no pod of {APP}")
    late_pods = len(apps.child(kubectl, LATE, "pods"))
    terminal.good(f"the pod of {APP} is gone; {LATE}, created just now, got none")
    listed = _listed(terminal, kubectl)
    spared = _spared(terminal, kubectl, caller)
    early = _too_early(terminal, kubectl, app)
    terminal.command(["kubectl", "delete", "ahold", HOLD])
    kubectl("delete", "ahold", HOLD)
    for name in (APP, LATE):
        apps.until(kubectl, name, _released, HELD_SECONDS, "released by the deleted hold")
    pods_after = sum(len(apps.child(kubectl, name, "pods")) for name in (APP, LATE))
    terminal.good(f"the hold is gone, both stay suspended ({pods_after} pods), until somebody resumes them:")
    terminal.command(["kubectl", *apps.acknowledge(kubectl, APP, app["status"]["suspension"]["id"])])
    resumed = apps.until(kubectl, APP, apps.ready, apps.READY_SECONDS, "Ready again")
    terminal.good(f"{APP} is Ready again; {LATE} still waits")
    kubectl("delete", "gapp", LATE, "-n", HOME)
    return Held(listed, late_pods, spared, early, pods_after, resumed)


def _late(app: Manifest) -> Manifest:
    """The same app under another name."""
    spec = {name: value for name, value in app["spec"].items() if name != "acknowledgedSuspension"}
    return {
        "apiVersion": app["apiVersion"],
        "kind": app["kind"],
        "metadata": {"name": LATE, "namespace": HOME},
        "spec": spec,
    }


def _listed(terminal: Terminal, kubectl: Kubectl) -> str:
    until(lambda: kubectl.get("ahold", HOLD).get("status", {}).get("matched") == 2, HELD_SECONDS, "two apps that match")
    terminal.command(["kubectl", "get", "ahold"])
    listed = kubectl("get", "ahold")
    terminal.output(listed)
    return listed


def _spared(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> Reply:
    name, requests = next(iter(CAST.items()))
    reply = apps.ask(caller, apps.read(kubectl, name), requests[0])
    terminal.good(f"{name} is of another family and answers: {reply.status}")
    return reply


def _too_early(terminal: Terminal, kubectl: Kubectl, app: Manifest) -> str:
    """What the API server says of an acknowledgement while the hold is there."""
    identity = app["status"]["suspension"]["id"]
    try:
        apps.acknowledge(kubectl, APP, identity)
    except KubectlError as error:
        terminal.good("to resume an app now is refused:")
        said = str(error)
        terminal.say(said.partition("denied request: ")[2] or said)
        return said
    raise SceneError(f"{APP} could be resumed under AppHold {HOLD}")


def _held(app: Manifest) -> bool:
    suspended = condition(app, "Suspended")
    return (suspended.get("status"), suspended.get("reason")) == ("True", "Held") and bool(_holds(app))


def _released(app: Manifest) -> bool:
    return condition(app, "Suspended").get("status") == "True" and not _holds(app)


def _holds(app: Manifest) -> list[str]:
    return list(app.get("status", {}).get("suspension", {}).get("holds", ()))
