# SPDX-License-Identifier: Apache-2.0
"""Scenes about the way out: apps call a service, a model and an MCP server by connectors, and what is refused."""

import json
import time
from dataclasses import dataclass

from demo import apps
from demo.apps import Manifest, Request
from demo.callers import Pod, Reply
from demo.terminal import SceneError, Terminal
from tools.kubectl import Kubectl

APP, CONNECTOR = "expense-converter", "exchange-rates"
CONVERT = Request("GET", "/convert?amount=100&currency=EUR", None, "", '"CHF"')
MISSPELT = Request("GET", "/convert?amount=100&currency=euro", None, "", "ArgumentsInvalid")
SORTER, MODEL = "expense-sorter", "small-model"
SORT = Request("GET", "/account?expense=train+to+Bern", None, "", '"travel"')
OTHER_MODEL = Request("GET", "/account?expense=train+to+Bern&model=large-1", None, "", "ArgumentsInvalid")
TAKER, NOTES = "note-taker", "team-notes"
NOTE = Request("POST", "/notes", "Lunch with the auditors", "text/plain", '"added"')
FIND = Request("GET", "/notes?word=auditors", None, "", "Lunch with the auditors")
CLEAR = Request("DELETE", "/notes", None, "", "ToolNotInContract")


@dataclass(frozen=True, slots=True)
class Outside:
    """What the demo saw of the connector."""

    converted: Reply
    misspelt: Reply
    withdrawn: Reply
    withdrawn_seconds: float
    again: Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """What the demo saw of the model."""

    sorted: Reply
    other_model: Reply


@dataclass(frozen=True, slots=True)
class Noted:
    """What the demo saw of the MCP server."""

    found: Reply
    refused: Reply


def call_a_service(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> Outside:
    """A connector is applied, an app calls through it, misspells an argument, and finds the connector withdrawn."""
    terminal.scene("The way out: a connector to a service of the company")
    app = _applied(terminal, kubectl, CONNECTOR, APP)
    converted = apps.ask_until(caller, app, CONVERT, lambda seen: seen.status == 200)
    _show(terminal, APP, CONVERT, converted)
    terminal.say("The app's pod reached the gateway and nobody else. The gateway checked the call, made it, and")
    terminal.say("checked the result. A wrong argument does not leave the cluster:")
    misspelt = _refused(terminal, caller, app, MISSPELT)
    terminal.say("The platform team withdraws the connector from the namespace. The app runs on, its calls do not:")
    withdrawn, seconds = _withdrawn(terminal, kubectl, caller, app)
    _show(terminal, APP, CONVERT, withdrawn)
    kubectl("apply", "-f", _file(CONNECTOR))
    again = apps.ask_until(caller, app, CONVERT, lambda seen: seen.status == 200)
    terminal.good(f"refused {seconds:.1f} s after the change; applied again, it answers again")
    return Outside(converted, misspelt, withdrawn, seconds, again)


def ask_a_model(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> Asked:
    """An app asks the model of a connector, and then one that was not granted."""
    terminal.scene("The way out: a model, as much of it as was granted")
    app = _applied(terminal, kubectl, MODEL, SORTER)
    answered = apps.ask_until(caller, app, SORT, lambda seen: seen.status == 200)
    _show(terminal, SORTER, SORT, answered)
    if SORT.expected not in answered.body:
        raise SceneError(f"the model's answer should have been {SORT.expected}")
    terminal.say("The gateway names the model and bounds its answer in every request. Another model is not asked:")
    return Asked(answered, _refused(terminal, caller, app, OTHER_MODEL))


def use_an_mcp_server(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> Noted:
    """An app calls tools of an MCP server, and then one that the server has and the connector does not."""
    terminal.scene("The way out: an MCP server, and of its tools those of the connector")
    app = _applied(terminal, kubectl, NOTES, TAKER)
    _show(terminal, TAKER, NOTE, apps.ask_until(caller, app, NOTE, lambda seen: seen.status == 200))
    found = apps.ask_until(caller, app, FIND, lambda seen: seen.status == 200)
    _show(terminal, TAKER, FIND, found)
    if FIND.expected not in found.body:
        raise SceneError("the note should have been found")
    terminal.say("The server has a tool that deletes all notes. The connector has not, so the call is a violation:")
    return Noted(found, _refused(terminal, caller, app, CLEAR))


def _applied(terminal: Terminal, kubectl: Kubectl, connector: str, app: str) -> Manifest:
    files = [f"examples/{name}.yaml" for name in (connector, app)]
    terminal.command(["kubectl", "apply", *(word for file in files for word in ("-f", file))])
    terminal.output(kubectl("apply", *(word for name in (connector, app) for word in ("-f", _file(name)))))
    return apps.until(kubectl, app, apps.ready, apps.READY_SECONDS, "Ready")


def _refused(terminal: Terminal, caller: Pod, app: Manifest, request: Request) -> Reply:
    """What the app was told of a call that the gateway must refuse."""
    reply = apps.ask(caller, app, request)
    _show(terminal, app["metadata"]["name"], request, reply)
    if request.expected not in reply.body:
        raise SceneError(f"{request.shown()} should have been refused with {request.expected}")
    return reply


def _withdrawn(terminal: Terminal, kubectl: Kubectl, caller: Pod, app: Manifest) -> tuple[Reply, float]:
    patch = json.dumps({"spec": {"namespaces": ["nobody"]}})
    words = ["patch", "gconn", CONNECTOR, "--type=merge", "-p", patch]
    terminal.command(["kubectl", *words])
    kubectl(*words)
    started = time.monotonic()
    reply = apps.ask_until(caller, app, CONVERT, lambda seen: seen.status == 422)
    return reply, time.monotonic() - started


def _show(terminal: Terminal, name: str, request: Request, reply: Reply) -> None:
    terminal.good(f"{name}  {request.shown()}")
    terminal.excerpt(reply.shown())


def _file(name: str) -> str:
    return str(apps.EXAMPLES / f"{name}.yaml")
