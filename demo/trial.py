# SPDX-License-Identifier: Apache-2.0
"""A budget and an app for trials (`examples/trial.yaml`), and what is left of an earlier run put right."""

import json

from demo import apps
from demo.apps import Manifest
from demo.callers import HOME
from demo.terminal import Terminal
from tools.kubectl import Kubectl, condition, until

FILE, HOLD_FILE = "trial.yaml", "incident.yaml"
BUDGET, HOLD = "trial", "incident"
APP, LATE = "trial-sorter", "trial-late"
CALLS = 2
"""The limit in FILE."""
PUBLISHED_SECONDS = 15


def start(terminal: Terminal, kubectl: Kubectl, more: int = 0) -> Manifest:
    """The app, Ready, under its budget. After an earlier run, the limit is what it was, and so many calls `more`."""
    kubectl("delete", "ahold", HOLD, "--ignore-not-found")
    kubectl("delete", "gapp", LATE, "-n", HOME, "--ignore-not-found")
    before = limit(kubectl)
    terminal.command(["kubectl", "apply", "-f", f"examples/{FILE}"])
    terminal.output(kubectl("apply", "-f", str(apps.EXAMPLES / FILE)))
    if before:
        # What was spent belongs to the name: a budget that is deleted and created again has spent it too.
        terminal.say("What was spent of this month stays spent. The limit counts it too:")
        limit_to(terminal, kubectl, before + more)
        until(lambda: _published(kubectl.get("abud", BUDGET)), PUBLISHED_SECONDS, "the raised limit published")
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


def limit(kubectl: Kubectl) -> int:
    """The limit of the budget in calls; 0: there is no such budget yet."""
    budget = kubectl.find("abud", BUDGET) or {}
    return int(budget.get("spec", {}).get("limits", {}).get("toolCalls", 0))


def _published(budget: Manifest) -> bool:
    current = budget.get("status", {}).get("observedGeneration") == budget["metadata"]["generation"]
    return bool(current and condition(budget, "Exhausted").get("status"))


def _resumable(app: Manifest) -> bool:
    suspension = app.get("status", {}).get("suspension")
    return bool(suspension and not suspension.get("holds"))
