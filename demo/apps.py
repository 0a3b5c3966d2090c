# SPDX-License-Identifier: Apache-2.0
"""An app as the demo sees it: its manifest in `examples/`, its state in the cluster, requests that it answers."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.callers import HOME, Pod, Reply
from demo.terminal import SceneError
from tools.kubectl import Kubectl, condition

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
Manifest = dict[str, Any]

RUN_NAMESPACE = "genapps-run"
READY_SECONDS = 90
POLL_SECONDS = 0.1
ARRIVED_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Request:
    """One request to an app, a word that its answer holds, and the answer's status."""

    method: str
    path: str
    body: str | None
    content_type: str
    expected: str
    status: int = 200

    def shown(self) -> str:
        """For the terminal: the request line and the start of the body."""
        start = " ".join((self.body or "").split())
        return f"{self.method} {self.path}  {start[:60]}{'...' if len(start) > 60 else ''}".rstrip()


def read(kubectl: Kubectl, name: str) -> Manifest:
    """The GeneratedApp as it is now."""
    return kubectl.get("generatedapp", name, HOME)


def until(kubectl: Kubectl, name: str, holds: Callable[[Manifest], bool], seconds: float, what: str) -> Manifest:
    """The app as soon as the condition holds; SceneError with its conditions after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        app = read(kubectl, name)
        if holds(app):
            return app
        if time.monotonic() > deadline:
            raise SceneError(f"{name}: not {what} within {seconds:.0f} s\n{explained(app)}")
        time.sleep(POLL_SECONDS)


def ready(app: Manifest) -> bool:
    """Whether the app is Ready in its present generation."""
    current = app.get("status", {}).get("observedGeneration") == app["metadata"]["generation"]
    return bool(current and condition(app, "Ready").get("status") == "True")


def explained(app: Manifest) -> str:
    """Every condition on a line, for an error message."""
    lines = [
        f"  {each['type']}={each['status']} {each['reason']}: {each.get('message', '')}"
        for each in app.get("status", {}).get("conditions", [])
    ]
    return "\n".join(lines) or "  no conditions yet: is the operator running?"


def child(kubectl: Kubectl, app: str, kind: str) -> list[Manifest]:
    """The app's children of a kind in the run namespace."""
    selector = f"genapps.dev/app={app},genapps.dev/app-namespace={HOME}"
    return kubectl.items(kind, "-n", RUN_NAMESPACE, "-l", selector)


def ask(caller: Pod, app: Manifest, request: Request) -> Reply:
    """Send a request to the app's URL from a pod."""
    url = app["status"]["url"] + request.path
    return caller.request(
        request.method, url, {"Content-Type": request.content_type} if request.body else {}, request.body
    )


def ask_until(caller: Pod, app: Manifest, request: Request, holds: Callable[[Reply], bool]) -> Reply:
    """Ask until the answer is as wanted: what was applied a moment ago may not have arrived everywhere."""
    deadline = time.monotonic() + ARRIVED_SECONDS
    while not holds(reply := ask(caller, app, request)):
        if time.monotonic() > deadline:
            raise SceneError(f"{request.shown()} should not be answered with {reply.shown()}")
        time.sleep(POLL_SECONDS)
    return reply


def acknowledge(kubectl: Kubectl, name: str, suspension: str) -> list[str]:
    """Resume a suspended app, as a person does after investigating this suspension. Returns the words of the
    command.
    """
    patch = json.dumps({"spec": {"acknowledgedSuspension": suspension}})
    words = ["patch", "gapp", name, "-n", HOME, "--type=merge", "-p", patch]
    kubectl(*words)
    return words
