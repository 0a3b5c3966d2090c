# SPDX-License-Identifier: Apache-2.0
"""A scene about the way out: an app calls a service through a connector, and what is refused on the way."""

import json
import time
from dataclasses import dataclass

from demo import apps, treasury
from demo.apps import Manifest, Request
from demo.callers import Pod, Reply
from demo.terminal import SceneError, Terminal
from tools.kubectl import Kubectl

APP, CONNECTOR = "expense-converter", "exchange-rates"
CONVERT = Request("GET", "/convert?amount=100&currency=EUR", None, "", '"CHF"')
MISSPELT = Request("GET", "/convert?amount=100&currency=euro", None, "", "ArgumentsInvalid")
WITHDRAWN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Outside:
    """What the demo saw of the connector."""

    converted: Reply
    misspelt: Reply
    withdrawn: Reply
    withdrawn_seconds: float
    again: Reply


def call_a_service(terminal: Terminal, kubectl: Kubectl, image: str, caller: Pod) -> Outside:
    """A connector is applied, an app calls through it, misspells an argument, and finds the connector withdrawn."""
    terminal.scene("The way out: a connector to a service of the company")
    treasury.start(kubectl, image)
    files = [f"examples/{name}.yaml" for name in (CONNECTOR, APP)]
    terminal.command(["kubectl", "apply", *(word for file in files for word in ("-f", file))])
    terminal.output(kubectl("apply", *(word for name in (CONNECTOR, APP) for word in ("-f", _file(name)))))
    app = apps.until(kubectl, APP, apps.ready, apps.READY_SECONDS, "Ready")
    converted = _asked_until(caller, app, CONVERT, 200)
    _show(terminal, CONVERT, converted)
    terminal.say("The app's pod reached the gateway and nobody else. The gateway checked the call, made it, and")
    terminal.say("checked the result. A wrong argument does not leave the cluster:")
    misspelt = apps.ask(caller, app, MISSPELT)
    _show(terminal, MISSPELT, misspelt)
    if MISSPELT.expected not in misspelt.body:
        raise SceneError("the wrong argument should have been refused with ArgumentsInvalid")
    terminal.say("The platform team withdraws the connector from the namespace. The app runs on, its calls do not:")
    withdrawn, seconds = _withdrawn(terminal, kubectl, caller, app)
    _show(terminal, CONVERT, withdrawn)
    kubectl("apply", "-f", _file(CONNECTOR))
    again = _asked_until(caller, app, CONVERT, 200)
    terminal.good(f"refused {seconds:.1f} s after the change; applied again, it answers again")
    return Outside(converted, misspelt, withdrawn, seconds, again)


def _withdrawn(terminal: Terminal, kubectl: Kubectl, caller: Pod, app: Manifest) -> tuple[Reply, float]:
    patch = json.dumps({"spec": {"namespaces": ["nobody"]}})
    words = ["patch", "gconn", CONNECTOR, "--type=merge", "-p", patch]
    terminal.command(["kubectl", *words])
    kubectl(*words)
    started = time.monotonic()
    reply = _asked_until(caller, app, CONVERT, 422)
    return reply, time.monotonic() - started


def _asked_until(caller: Pod, app: Manifest, request: Request, status: int) -> Reply:
    """Ask until the answer has this status: what was applied a moment ago may not have arrived everywhere."""
    deadline = time.monotonic() + WITHDRAWN_SECONDS
    while True:
        reply = apps.ask(caller, app, request)
        if reply.status == status:
            return reply
        if time.monotonic() > deadline:
            raise SceneError(f"{request.shown()} should have been answered with {status}, not {reply.shown()}")
        time.sleep(apps.POLL_SECONDS)


def _show(terminal: Terminal, request: Request, reply: Reply) -> None:
    terminal.good(f"{APP}  {request.shown()}")
    terminal.excerpt(reply.shown())


def _file(name: str) -> str:
    return str(apps.EXAMPLES / f"{name}.yaml")
