# SPDX-License-Identifier: Apache-2.0
"""The scenes of the demo, in order: each shows something, checks it and returns what it saw, or raises SceneError."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from demo import apps, callers, upstreams
from demo.apps import Manifest
from demo.callers import ABROAD, HOME, LISTENING_PORT, Pod, Reply
from demo.cast import CAST, CURIOUS, CURIOUS_REQUEST
from demo.terminal import SceneError, Terminal
from tools.kubectl import Kubectl, condition

SUSPENDED_SECONDS = 30
COUNTED_SECONDS = 15
MOST_CALLS = 10
GONE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Suspension:
    """What the demo saw when the fourth app was suspended."""

    counts: list[int]
    seconds: float
    id: str
    pods: int
    claims: int
    refused: Reply
    resumed: Manifest


def apply_platform(terminal: Terminal, kubectl: Kubectl, image: str) -> tuple[Pod, Pod]:
    """Apply the business unit (namespace and AppBudget), and start pods of this image: two ordinary ones to call from,
    and the services that connectors lead to."""
    terminal.scene("A business unit: its namespace and its AppBudget")
    terminal.command(["kubectl", "apply", "-f", "examples/platform.yaml"])
    terminal.output(kubectl("apply", "-f", str(apps.EXAMPLES / "platform.yaml")))
    pods = callers.start(kubectl, image)
    upstreams.start(kubectl, image)
    terminal.say(
        f"Two ordinary pods will send requests: {HOME}/caller and {ABROAD}/stranger. Two services of the company start "
        "as well: one with exchange rates, and a model server with canned answers."
    )
    return pods


def apply_apps(terminal: Terminal, kubectl: Kubectl, image: str) -> dict[str, Manifest]:
    """The apps, applied and Ready with this runtime image, by name."""
    terminal.scene("Generated apps, one manifest each: envelope, code, tier, budget")
    files = [f"examples/{name}.yaml" for name in CAST]
    terminal.command(["kubectl", "apply", *(word for file in files for word in ("-f", file))])
    started = time.monotonic()
    said = kubectl("apply", *(word for name in CAST for word in ("-f", str(apps.EXAMPLES / f"{name}.yaml"))))
    terminal.output(said)
    found: dict[str, Manifest] = {}
    for name in CAST:
        runs = partial(_runs, kubectl, image)
        found[name] = apps.until(kubectl, name, runs, apps.READY_SECONDS, f"Ready with image {image}")
    terminal.good(f"all Ready {time.monotonic() - started:.1f} s after apply, each in its own pod:")
    selector = f"genapps.dev/app-namespace={HOME}"
    terminal.output(kubectl("get", "pods", "-n", apps.RUN_NAMESPACE, "-l", selector, "-L", "genapps.dev/app"))
    return found


def _runs(kubectl: Kubectl, image: str, app: Manifest) -> bool:
    """Whether the app is Ready and its pod has the current runtime image, that is, an upgrade has reached it."""
    pods = apps.child(kubectl, app["metadata"]["name"], "pods") if apps.ready(app) else []
    return [pod["spec"]["containers"][0]["image"] for pod in pods] == [image]


def call(terminal: Terminal, found: dict[str, Manifest], caller: Pod, stranger: Pod) -> dict[str, tuple[Reply, Reply]]:
    """Each app called from its own namespace, which works, and from a foreign one, which does not."""
    terminal.scene(f"Called from a pod of namespace {HOME}, and from one of namespace {ABROAD}")
    callers.until_ready(caller, stranger)
    replies: dict[str, Reply] = {}
    for name, requests in CAST.items():
        for request in requests:
            welcome = apps.ask(caller, found[name], request)
            terminal.good(f"{HOME} -> {name}  {request.shown()}")
            terminal.excerpt(welcome.shown())
            if welcome.status != request.status or request.expected not in welcome.body:
                wanted = f"{request.status} and {request.expected!r}"
                raise SceneError(f"{name} should have answered {request.shown()} with {wanted}")
            replies[name] = welcome
    with ThreadPoolExecutor(len(CAST)) as pool:
        asked = [pool.submit(apps.ask, stranger, found[name], requests[0]) for name, requests in CAST.items()]
        strangers = dict(zip(CAST, (each.result() for each in asked), strict=True))
    for name, unwelcome in strangers.items():
        if unwelcome.status:
            raise SceneError(f"{name} answered a pod of namespace {ABROAD}: NetworkPolicies are not enforced here")
        terminal.good(f"{ABROAD} -> {name}  {unwelcome.shown()}")
    return {name: (replies[name], strangers[name]) for name in CAST}


def fence(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> dict[str, tuple[bool, bool]]:
    """The same connections from an ordinary pod and from an app's pod: {what: (ordinary, app)}."""
    inside, neighbour = list(CAST)[:2]
    terminal.scene(f"Network isolation: the same connections from an ordinary pod and from the pod of {inside}")
    (pod,) = apps.child(kubectl, inside, "pods")
    targets = _targets(kubectl, neighbour)
    fenced_pod = Pod(kubectl, apps.RUN_NAMESPACE, pod["metadata"]["name"])
    with ThreadPoolExecutor(2) as pool:
        ordinary, fenced = pool.map(lambda each: each.dial(targets), (caller, fenced_pod))
    seen = {what: (ordinary[what], fenced[what]) for what in targets}
    words = {True: "connected", False: "blocked"}
    terminal.rows(
        ("connection to", "address", f"from {HOME}/caller", f"from {inside}"),
        [(what, f"{host}:{port}", *(words[each] for each in seen[what])) for what, (host, port) in targets.items()],
    )
    for what, (outside, within) in seen.items():
        allowed = what == "the gateway"
        if within != allowed or outside == allowed:
            raise SceneError(f"{what}: an ordinary pod {words[outside]}, the app {words[within]}")
    terminal.good("the app's pod reaches the gateway and nothing else; it checks this before it loads any code")
    return seen


def _targets(kubectl: Kubectl, neighbour: str) -> dict[str, tuple[str, int]]:
    api = kubectl.get("service", "kubernetes", "default")["spec"]
    node = kubectl.items("nodes")[0]["status"]
    address = next(each["address"] for each in node["addresses"] if each["type"] == "InternalIP")
    stranger = kubectl.get("pod", "stranger", ABROAD)["status"]["podIP"]
    dns = kubectl.get("service", "kube-dns", "kube-system")["spec"]["clusterIP"]
    gateway = kubectl.get("service", "gateway", "genapps-system")["spec"]["clusterIP"]
    return {
        "the API server": (api["clusterIP"], api["ports"][0]["port"]),
        "the node's kubelet": (address, node["daemonEndpoints"]["kubeletEndpoint"]["Port"]),
        "cluster DNS": (dns, 53),
        f"a pod of namespace {ABROAD}": (stranger, LISTENING_PORT),
        f"another app ({neighbour})": (apps.read(kubectl, neighbour)["status"]["address"], 80),
        "the gateway": (gateway, 8443),
    }


def suspend(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> Suspension:
    """A fourth app keeps making calls that its envelope does not grant: counted, suspended, resumed by
    acknowledgement.
    """
    terminal.scene(f"An app that violates its policy: {CURIOUS}")
    _apply_curious(terminal, kubectl)
    terminal.say("Its envelope grants no connector, but its code calls one. The gateway refuses and counts each call.")
    counts, last = _provoke(terminal, kubectl, caller)
    app = apps.until(kubectl, CURIOUS, _suspended, SUSPENDED_SECONDS, "suspended")
    seconds = time.monotonic() - last
    verdict = app["status"]["suspension"]
    terminal.good(f"suspended {seconds:.1f} s after the answer to the last call")
    terminal.say(f"{condition(app, 'Suspended')['reason']}: {condition(app, 'Suspended')['message']}")
    _gone(kubectl)
    pods, claims = (len(apps.child(kubectl, CURIOUS, kind)) for kind in ("pods", "persistentvolumeclaims"))
    terminal.good(f"its pod is gone ({pods} pods), its state is kept ({claims} claim)")
    refused = apps.ask(caller, app, CURIOUS_REQUEST)
    terminal.good(f"{HOME} -> {CURIOUS}  {refused.shown()}")
    terminal.say(
        "It stays suspended, even after restarts and re-creation, until somebody acknowledges the suspension by id:"
    )
    terminal.command(["kubectl", *apps.acknowledge(kubectl, CURIOUS, verdict["id"])])
    resumed = apps.until(kubectl, CURIOUS, apps.ready, apps.READY_SECONDS, "Ready again")
    terminal.good(f"Ready again, with {_count(resumed)} violations counted")
    return Suspension(counts, seconds, verdict["id"], pods, claims, refused, resumed)


def _apply_curious(terminal: Terminal, kubectl: Kubectl) -> None:
    file = f"examples/{CURIOUS}.yaml"
    terminal.command(["kubectl", "apply", "-f", file])
    terminal.output(kubectl("apply", "-f", str(apps.EXAMPLES / f"{CURIOUS}.yaml")))
    app = apps.until(kubectl, CURIOUS, lambda seen: apps.ready(seen) or _suspended(seen), apps.READY_SECONDS, "Ready")
    if _suspended(app):
        terminal.say("It is still suspended from an earlier run. The demo acknowledges that first.")
        apps.acknowledge(kubectl, CURIOUS, app["status"]["suspension"]["id"])
        apps.until(kubectl, CURIOUS, apps.ready, apps.READY_SECONDS, "Ready")


def _provoke(terminal: Terminal, kubectl: Kubectl, caller: Pod) -> tuple[list[int], float]:
    """Call until the app is suspended; the counts that status showed, and when the last answer came."""
    app = apps.read(kubectl, CURIOUS)
    counts = [_count(app)]
    for number in range(1, MOST_CALLS + 1):
        reply = apps.ask(caller, app, CURIOUS_REQUEST)
        answered = time.monotonic()
        terminal.good(f"call {number}")
        terminal.excerpt(reply.shown())
        app = apps.until(
            kubectl,
            CURIOUS,
            lambda seen: _suspended(seen) or _count(seen) > counts[-1],
            COUNTED_SECONDS,
            f"counted (status.violations.count above {counts[-1]})",
        )
        counts.append(_count(app))
        terminal.output(f"status.violations.count: {counts[-1]}")
        if _suspended(app):
            return counts, answered
    raise SceneError(f"{CURIOUS} was not suspended after {MOST_CALLS} violations\n{apps.explained(app)}")


def _count(app: Manifest) -> int:
    return int(app.get("status", {}).get("violations", {}).get("count", 0))


def _suspended(app: Manifest) -> bool:
    return condition(app, "Suspended").get("status") == "True" and "suspension" in app["status"]


def _gone(kubectl: Kubectl) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while apps.child(kubectl, CURIOUS, "pods"):
        if time.monotonic() > deadline:
            raise SceneError(f"the pod of {CURIOUS} still runs {GONE_SECONDS} s after its suspension")
        time.sleep(apps.POLL_SECONDS)


def finish(terminal: Terminal, kubectl: Kubectl) -> str:
    """Show what exists at the end, and what to try next."""
    terminal.scene("What runs now")
    terminal.command(["kubectl", "get", "gapp,abud", "-n", HOME])
    listed = kubectl("get", "gapp,abud", "-n", HOME)
    terminal.output(listed)
    return listed
