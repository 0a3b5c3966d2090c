# SPDX-License-Identifier: Apache-2.0
"""The demo's scenes as a test: the same functions, and what they saw."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo import budget, defiance, hold, installation, outside, scenes, stolen_token, trial
from demo.apps import Manifest
from demo.callers import Pod
from demo.cast import CAST
from demo.installation import Settings
from demo.terminal import Terminal
from tools.kubectl import Kubectl


@dataclass(frozen=True, slots=True)
class Play:
    """The stage, set: platform installed, apps Ready, callers running."""

    terminal: Terminal
    kubectl: Kubectl
    chart_tests: str
    apps: dict[str, Manifest]
    caller: Pod
    stranger: Pod


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    terminal = Terminal(quiet=True)
    with installation.cluster(terminal, Settings()) as cluster:
        references = installation.images_for(terminal, Settings())
        said = installation.chart(terminal, cluster, references)
        caller, stranger = scenes.apply_platform(terminal, cluster.kubectl, references["genapps"])
        found = scenes.apply_apps(terminal, cluster.kubectl, references["runtime"])
        yield Play(terminal, cluster.kubectl, said, found, caller, stranger)


def test_helm_test_proves_gateway_and_fence(play: Play) -> None:
    assert "gateway over TLS: 200" in play.chart_tests
    assert "NetworkPolicies are enforced" in play.chart_tests


def test_apps_answer_their_namespace_and_nobody_else(play: Play) -> None:
    replies = scenes.call(play.terminal, play.apps, play.caller, play.stranger)
    assert set(replies) == set(CAST)
    assert all(welcome.status == 200 and unwelcome.status is None for welcome, unwelcome in replies.values())


def test_an_apps_pod_reaches_the_gateway_and_nothing_else(play: Play) -> None:
    seen = scenes.fence(play.terminal, play.kubectl, play.caller)
    assert {what for what, (_, within) in seen.items() if within} == {"the gateway"}
    assert {what for what, (outside, _) in seen.items() if not outside} == {"the gateway"}
    assert len(seen) == 6


def test_a_pod_without_a_fence_reaches_what_apps_must_not(play: Play) -> None:
    namespace, made = ("-n", "genapps-system"), "check-now"
    play.kubectl("delete", "job", made, *namespace, "--ignore-not-found")
    play.kubectl("create", "job", made, "--from=cronjob/genapps-fence-check", *namespace)
    play.kubectl("wait", f"job/{made}", "--for=condition=Complete", "--timeout=60s", *namespace)
    said = play.kubectl("logs", f"job/{made}", *namespace).splitlines()
    assert [line.partition(",")[0] for line in said[:-1]] == [
        "reached: the gateway's canary port",
        "reached: the API server",
        "reached: cluster DNS",
        "reached: the node's kubelet",
    ]
    assert said[-1].startswith("All that apps must not reach answers")


def test_an_app_calls_a_service_and_is_told_what_is_refused(play: Play) -> None:
    seen = outside.call_a_service(play.terminal, play.kubectl, play.caller)
    assert (seen.converted.status, json.loads(seen.converted.body)) == (200, {"CHF": 94.0})
    assert json.loads(seen.misspelt.body)["refused"] == "ArgumentsInvalid"
    assert json.loads(seen.withdrawn.body)["refused"] == "ConnectorNotGranted"
    assert seen.again.status == 200


def test_an_app_asks_the_model_that_it_was_granted_and_no_other(play: Play) -> None:
    seen = outside.ask_a_model(play.terminal, play.kubectl, play.caller)
    told = json.loads(seen.sorted.body)
    assert (seen.sorted.status, told["account"]) == (200, "travel")
    assert told["tokens"] > 0
    refused = json.loads(seen.other_model.body)
    assert refused["refused"] == "ArgumentsInvalid"
    assert "/model" in refused["why"]


def test_an_app_uses_the_tools_of_an_mcp_server_that_its_connector_has(play: Play) -> None:
    seen = outside.use_an_mcp_server(play.terminal, play.kubectl, play.caller)
    assert "Lunch with the auditors" in json.loads(seen.found.body)["notes"]
    assert json.loads(seen.refused.body)["refused"] == "ToolNotInContract"


def test_a_stolen_token_opens_nothing_outside_the_fence_and_nothing_once_its_pod_is_replaced(play: Play) -> None:
    seen = stolen_token.try_a_stolen_token(play.terminal, play.kubectl, play.caller, next(iter(CAST)))
    assert seen.from_elsewhere.status is None
    assert seen.at_api_server.status == 401
    assert seen.inside.status == 200
    assert (seen.after_replacement.status, json.loads(seen.after_replacement.body)["code"]) == (401, "CallerUnknown")


def test_a_tenant_with_edit_bends_nothing(play: Play) -> None:
    refused = defiance.trespass(play.terminal, play.kubectl)
    assert len(refused) == 9
    assert all(refused.values())
    assert "spec.envelope is immutable" in refused["widen its envelope"]
    assert "has no tier huge" in refused["use a tier that was not granted"]
    assert "generatedapps/promote" in refused["promote it"]


def test_bad_changes_are_held_or_taken_back_while_the_app_answers(play: Play) -> None:
    seen = defiance.change(play.terminal, play.kubectl, play.caller)
    assert list(seen) == ["ModuleNotAvailable", "RolledBack", "Available"]


def test_a_violating_app_is_suspended_and_resumes_by_acknowledgement(play: Play) -> None:
    seen = scenes.suspend(play.terminal, play.kubectl, play.caller)
    assert seen.counts == sorted(seen.counts)
    assert seen.counts[-1] >= 3
    assert len(seen.id) == 32
    assert (seen.pods, seen.claims) == (0, 1)
    assert seen.refused.status is None
    assert seen.resumed["spec"]["acknowledgedSuspension"] == seen.id


def test_an_app_falls_back_when_its_budget_is_used_up_and_goes_on_when_it_is_raised(play: Play) -> None:
    seen = budget.use_up(play.terminal, play.kubectl, play.caller)
    assert len(seen.paid) >= trial.CALLS
    assert all(json.loads(reply.body) == {"account": "travel"} for reply in seen.paid)
    assert (seen.fallback.body, seen.fallback.headers["genapps-fallback"]) == (
        "Please sort it by hand today.",
        "budget",
    )
    assert json.loads(seen.neighbour.body)["account"] == "travel"
    assert "BudgetExhausted" in seen.listed
    assert json.loads(seen.raised.body) == {"account": "travel"}
    assert seen.pods[0] == seen.pods[1]


def test_a_hold_stops_a_family_and_nothing_starts_until_it_is_acknowledged(play: Play) -> None:
    seen = hold.stop_a_family(play.terminal, play.kubectl, play.caller)
    assert trial.HOLD in seen.listed
    assert (seen.late_pods, seen.pods_after) == (0, 0)
    assert seen.spared.status == 200
    assert f"AppHold {trial.HOLD} is in force" in seen.early
    assert "suspension" not in seen.resumed["status"]


def test_everything_is_listed_at_the_end(play: Play) -> None:
    listed = scenes.finish(play.terminal, play.kubectl)
    assert all(name in listed for name in CAST)
