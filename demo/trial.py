# SPDX-License-Identifier: Apache-2.0
"""A budget and an app for trials (`examples/trial.yaml`), and what is left of an earlier run put right."""

import json

from demo import apps
from demo.apps import Manifest
from demo.callers import HOME
from demo.terminal import Terminal
from tools.kubectl import Kubectl

FILE, HOLD_FILE = "trial.yaml", "incident.yaml"
BUDGET, HOLD = "trial", "incident"
APP, LATE = "trial-sorter", "trial-late"
CALLS = 2
"""The limit in FILE."""


def start(terminal: Terminal, kubectl: Kubectl) -> Manifest:
    """The app, Ready, under a budget of which CALLS calls are left."""
    kubectl("delete", "ahold", HOLD, "--ignore-not-found")
    kubectl("delete", "gapp", LATE, "-n", HOME, "--ignore-not-found")
    spent = _spent(kubectl)
    terminal.command(["kubectl", "apply", "-f", f"examples/{FILE}"])
    terminal.output(kubectl("apply", "-f", str(apps.EXAMPLES / FILE)))
    if spent:
        terminal.say(f"An earlier run has spent {spent} calls of this month. The limit is raised by as many.")
        limit_to(terminal, kubectl, spent + CALLS)
    app = apps.until(kubectl, APP, lambda seen: apps.ready(seen) or _resumable(seen), apps.READY_SECONDS, "Ready")
    if _resumable(app):
        terminal.say("It is still suspended from an earlier run. The demo acknowledges that first.")
        apps.acknowledge(kubectl, APP, app["status"]["suspension"]["id"])
        app = apps.until(kubectl, APP, apps.ready, apps.READY_SECONDS, "Ready")
    return app


def limit_to(terminal: Terminal, kubectl: Kubectl, calls: int) -> None:
    """Set the limit of the budget."""
    patch = json.dumps({"spec": {"limits": {"toolCalls": calls}}})
    words = ["patch", "abud", BUDGET, "--type=merge", "-p", patch]
    terminal.command(["kubectl", *words])
    kubectl(*words)


def _spent(kubectl: Kubectl) -> int:
    """Calls that were spent in earlier runs: a budget that is deleted and created again has spent them too."""
    budget = kubectl.find("abud", BUDGET) or {}
    return int(budget.get("status", {}).get("spent", {}).get("toolCalls", 0))


def _resumable(app: Manifest) -> bool:
    suspension = app.get("status", {}).get("suspension")
    return bool(suspension and not suspension.get("holds"))
