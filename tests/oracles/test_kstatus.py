# SPDX-License-Identifier: Apache-2.0
"""What Helm's `--wait`, Flux and everybody else who asks kstatus is told, in every state of the table of conditions.

The statuses are those that the core gives; they are judged inside objects as the API server stores them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genapps.api.appbudget import AppBudget
from genapps.api.crd import crds
from genapps.core.judge import judge
from genapps.core.observed import Termination
from genapps.core.status import status
from genapps.core.status.budget import DeletionsHeld, budget_status
from tests.oracles.programs import BUILD_SECONDS, ask
from tests.unit.core.observations import NOW, SUSPENSION_ID, observations
from tests.unit.core.world import PLATFORM, START, World, app, budget, ledger

pytestmark = pytest.mark.timeout(BUILD_SECONDS)
OTHER_CODE = {"code": {"source": {"inline": "print('two')\n"}}}
PREPARED = frozenset({"genapps-run"})
CRDS = crds()


@dataclass(frozen=True)
class State:
    """A state in a sentence, how to get there from a running app, and what kstatus calls it."""

    sentence: str
    change: Callable[[World], None]
    wanted: str


def spec(**fields: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.app = app(fields, {"generation": 2})

    return change


def said(reason: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.pod
        world.pod = replace(world.pod, ready=False, termination=Termination(reason, "what it says", 1, own=True))

    return change


def nothing(_: World) -> None:
    """The app keeps running."""


def unready(world: World) -> None:
    assert world.pod
    world.pod = replace(world.pod, ready=False)


def late(world: World) -> None:
    unready(world)
    world.settle()
    world.later(minutes=10)


def evicted(world: World) -> None:
    assert world.pod
    world.pod = replace(world.pod, ready=False, finished_at=world.now, finished_reason="Evicted")


def without_gateway(world: World) -> None:
    world.pod_is_gone()
    world.platform = replace(PLATFORM, gateway_address=None)
    world.later(minutes=5)


def without_budget(world: World) -> None:
    world.budget = None


def other_code_without_budget(world: World) -> None:
    without_budget(world)
    spec(**OTHER_CODE)(world)


def name_taken(world: World) -> None:
    for key, child in world.children.items():
        if child.kind == "Service":
            world.children[key] = replace(child, app=None)


def unreadable(world: World) -> None:
    world.make_unreadable("spec: missing")


def violations(world: World) -> None:
    world.ledger = ledger("a", "b", "c")


def acknowledged(world: World) -> None:
    violations(world)
    world.settle()
    world.pod_is_gone()
    world.later(minutes=1)
    spec(acknowledgedSuspension=SUSPENSION_ID)(world)


def answering_again(world: World) -> None:
    acknowledged(world)
    world.settle()
    world.make_ready()


def rolled_back(world: World) -> None:
    spec(**OTHER_CODE)(world)
    world.settle()
    world.pod_is_gone()
    world.settle()
    said("CodeRejected")(world)
    world.settle()
    world.pod_is_gone()
    world.settle()
    world.make_ready()
    world.settle()
    assert world.condition("Ready") == ("True", "Available")
    assert world.condition("Stalled") == ("True", "RolledBack")


STATES = (
    State("it runs", nothing, "Current"),
    State("it runs, with fields that have no effect yet", spec(idleTimeout="15m"), "Current"),
    State("it runs and its budget was withdrawn", without_budget, "Current"),
    State("it runs and a violation was counted", lambda w: setattr(w, "ledger", ledger("a")), "Current"),
    State("its last verified code runs, the source differs", spec(code={"digest": "sha256:" + "0" * 64}), "InProgress"),
    State("a new revision takes over", spec(**OTHER_CODE), "InProgress"),
    State("its pod is up and its fence is not proven", unready, "InProgress"),
    State("its pod was evicted", evicted, "InProgress"),
    State("the gateway is not known", without_gateway, "InProgress"),
    State("its suspension was acknowledged", acknowledged, "InProgress"),
    State("its suspension was acknowledged and it answers", answering_again, "Current"),
    State("its fence is open", said("EgressOpen"), "Failed"),
    State("its code does not load", said("CodeRejected"), "Failed"),
    State("it is not ready in time", late, "Failed"),
    State("its new code failed and the previous one answers", rolled_back, "Failed"),
    State("it asks for what is not built", spec(tenancy={"header": "X", "trustedCallers": ["a"]}), "Failed"),
    State("it cannot be read", unreadable, "Failed"),
    State("its name is taken", name_taken, "Failed"),
    State("new code comes without a budget", other_code_without_budget, "Failed"),
    State("it did too often what it may not", violations, "Failed"),
    State("a person wishes it suspended", spec(operatingMode="Suspended"), "Failed"),
)


def stored(kind: str, generation: int, told: Mapping[str, Any]) -> dict[str, Any]:
    """An object as a client gets it; an empty status is what the schema makes of none."""
    schema = CRDS[f"{kind.lower()}s.genapps.dev"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return {
        "apiVersion": "genapps.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "unit-converter", "namespace": "finance", "generation": generation},
        "spec": {},
        "status": told or schema["properties"]["status"]["default"],
    }


def of_app(world: World) -> dict[str, Any]:
    return stored("GeneratedApp", world.observe().metadata.generation, world.status)


def verdict(of: dict[str, Any]) -> str:
    (answer,) = ask("kstatus", [of])
    return str(answer["status"])


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.sentence)
def test_kstatus_is_right_when(state: State) -> None:
    world = World().run()
    state.change(world)
    world.settle()
    (answer,) = ask("kstatus", [of_app(world)])
    assert answer["status"] == state.wanted
    if state.wanted == "Failed":
        assert answer["message"] == world.message("Stalled")


@pytest.mark.parametrize("kind", ["GeneratedApp", "AppBudget", "Connector"])
def test_an_object_that_nobody_has_looked_at_is_in_progress(kind: str) -> None:
    assert verdict(stored(kind, 1, {})) == "InProgress"


def test_an_app_is_in_progress_from_its_first_moment_until_it_answers() -> None:
    world = World()
    world.step()
    assert verdict(of_app(world)) == "InProgress"
    world.settle()
    world.bind()
    world.settle()
    assert verdict(of_app(world)) == "InProgress"
    world.make_ready()
    world.settle()
    assert verdict(of_app(world)) == "Current"


def test_a_spec_that_was_not_judged_yet_is_in_progress_whatever_the_status_says() -> None:
    world = World().run()
    edited = stored("GeneratedApp", 2, world.status)
    spec(operatingMode="Suspended")(world)
    world.settle()
    resumed = stored("GeneratedApp", 3, world.status)
    assert [answer["status"] for answer in ask("kstatus", [edited, resumed])] == ["InProgress", "InProgress"]


def test_an_app_that_is_being_deleted_is_terminating() -> None:
    going = of_app(World().run())
    going["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    assert verdict(going) == "Terminating"


@pytest.mark.parametrize(
    ("namespace", "wanted"), [("genapps-run", "Current"), ("elsewhere", "Failed")], ids=["prepared", "not prepared"]
)
def test_a_budget_is_current_when_its_run_namespace_is_prepared(namespace: str, wanted: str) -> None:
    raw = {**budget({"runNamespace": namespace}).model_dump(by_alias=True), "metadata": {"name": "b", "generation": 3}}
    told = budget_status(AppBudget.model_validate(raw), [], PREPARED, DeletionsHeld(), {}, START)
    assert verdict(stored("AppBudget", 3, told)) == wanted
    assert verdict(stored("AppBudget", 4, told)) == "InProgress"


@settings(max_examples=20)
@given(st.lists(st.tuples(observations(), NOW), min_size=10, max_size=20))
def test_whatever_happens_kstatus_and_conditions_tell_the_same(drawn: list[Any]) -> None:
    objects = [
        stored("GeneratedApp", observed.metadata.generation, status(observed, judge(observed, now, SUSPENSION_ID)))
        for observed, now in drawn
    ]
    for given_object, answer in zip(objects, ask("kstatus", objects), strict=True):
        told = {entry["type"]: entry["status"] for entry in given_object["status"]["conditions"]}
        if told["Stalled"] == "True":
            assert answer["status"] == "Failed"
        elif told["Reconciling"] == "True":
            assert answer["status"] == "InProgress"
        else:
            assert (answer["status"], told["Ready"]) == ("Current", "True")
