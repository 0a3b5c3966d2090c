# SPDX-License-Identifier: Apache-2.0
"""A scene about money: a budget is used up, its app falls back, and goes on when the budget is raised."""

from dataclasses import dataclass

from demo import apps, trial
from demo.apps import Manifest
from demo.callers import HOME, Pod, Reply
from demo.outside import SORT, SORTER
from demo.terminal import SceneError, Terminal
from demo.trial import APP, BUDGET
from tools.kubectl import Kubectl, condition

MOST_CALLS = 10
TOLD_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Spent:
    """What the demo saw of the budget."""

    paid: list[Reply]
    fallback: Reply
    neighbour: Reply
    listed: str
    raised: Reply
    pods: tuple[str, str]
    """The app's pod before and after."""


def use_up(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> Spent:
    """An app spends all of a small budget, answers from its fallback, and is itself again under a raised limit."""
    terminal.scene(f"A budget that two calls use up: {BUDGET}")
    app = trial.start(terminal, kubectl, more=trial.CALLS)
    before = _pod(kubectl)
    paid = _paid(terminal, caller, app)
    terminal.say("Nothing is left. The gateway refuses the next call before it leaves, and the app's fallback answers:")
    fallback = _ask(terminal, caller, app, "budget")
    terminal.say(f"{SORTER} asks the same model under another budget, and goes on:")
    neighbour = _ask(terminal, caller, apps.read(kubectl, SORTER), None)
    apps.until(kubectl, APP, _exhausted, TOLD_SECONDS, "told that its budget is exhausted")
    kubectl("wait", "--for=condition=Exhausted", f"abud/{BUDGET}", f"--timeout={TOLD_SECONDS}s")
    words = ["get", f"gapp/{APP}", f"gapp/{SORTER}", f"abud/{BUDGET}", "abud/finance", "-n", HOME]
    terminal.command(["kubectl", *words])
    listed = kubectl(*words)
    terminal.output(listed)
    # By one call, which is used at once: so all of the limit is spent before the next run.
    trial.limit_to(terminal, kubectl, trial.limit(kubectl) + 1)
    apps.until(kubectl, APP, lambda seen: not _exhausted(seen), TOLD_SECONDS, "told that its budget was raised")
    raised = apps.ask_until(caller, app, SORT, _of_the_app)
    _show(terminal, app, raised)
    after = _pod(kubectl)
    if after != before:
        raise SceneError(f"{APP} should have gone on in its pod {before}, not in {after}")
    terminal.good("the same pod is itself again, without a restart")
    return Spent(paid, fallback, neighbour, listed, raised, (before, after))


def _paid(terminal: Terminal, caller: Pod, app: Manifest) -> list[Reply]:
    """Answers until nothing is left: CALLS of them, and what an interrupted run left."""
    replies: list[Reply] = []
    reply = apps.ask_until(caller, app, SORT, _of_the_app)
    while _of_the_app(reply):
        replies.append(reply)
        _show(terminal, app, reply)
        if reply.status != 200 or len(replies) > MOST_CALLS:
            raise SceneError(f"{len(replies)} calls were answered, the last one with {reply.shown()}")
        reply = apps.ask(caller, app, SORT)
    return replies


def _of_the_app(reply: Reply) -> bool:
    return "genapps-fallback" not in reply.headers


def _pod(kubectl: Kubectl) -> str:
    """The uid of the app's pod, and how often its container was started again."""
    (pod,) = apps.child(kubectl, APP, "pods")
    return f"{pod['metadata']['uid']} {pod['status']['containerStatuses'][0]['restartCount']}"


def _exhausted(app: Manifest) -> bool:
    return bool(condition(app, "Ready").get("reason") == "BudgetExhausted")


def _ask(terminal: Terminal, caller: Pod, app: Manifest, fallback: str | None) -> Reply:
    """The answer to one request; SceneError unless it came from this fallback, or from the app itself (None)."""
    reply = apps.ask(caller, app, SORT)
    _show(terminal, app, reply)
    if reply.status != 200 or reply.headers.get("genapps-fallback") != fallback:
        raise SceneError(f"the answer should have been 200 with {fallback or 'no'} fallback: {reply.shown()}")
    return reply


def _show(terminal: Terminal, app: Manifest, reply: Reply) -> None:
    terminal.good(f"{app['metadata']['name']}  {SORT.shown()}")
    fallback = reply.headers.get("genapps-fallback")
    terminal.excerpt(reply.shown() + (f"\nGenapps-Fallback: {fallback}" if fallback else ""))
