# SPDX-License-Identifier: Apache-2.0
"""What the rows about budgets apply is what the platform takes, and what they read is what happened."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from bench.apps import NAMESPACE
from bench.cluster.audit import Write
from bench.cluster.cleaning import is_of_the_bench
from bench.cluster.spending.action_writes import by_what
from bench.cluster.spending.objects import CONNECTOR, budget, budget_name, connector, paying_app, service
from bench.cluster.spending.threshold import end_of
from bench.gateway import budgets, upstream
from genapps.api.appbudget import AppBudget
from genapps.api.generatedapp import GeneratedApp
from genapps.gateway.catalogue import Catalogue
from tests.support.scripted_server import Script, serve, stream


def test_the_paying_app_may_call_the_connector_and_its_budget_pays() -> None:
    app = GeneratedApp.model_validate(paying_app("pays", "genapps-bench-x"))
    assert (app.spec.budget, app.spec.envelope.connectors) == ("genapps-bench-x", (CONNECTOR,))
    catalogue = Catalogue()
    catalogue.changed({**connector(), "metadata": {"name": CONNECTOR, "resourceVersion": "1"}})
    offer = catalogue.find(CONNECTOR)
    assert offer is not None
    assert (offer.unusable, set(offer.tools)) == ("", {"latest"})
    assert offer.granted_to(NAMESPACE)


@pytest.mark.parametrize("calls", [None, 0, 1])
def test_a_budget_has_the_limit_that_it_is_given_and_no_rate_that_would_be_met_first(calls: int | None) -> None:
    made = AppBudget.model_validate(budget("genapps-bench-x", calls, "Suspend"))
    limits = made.spec.limits
    assert (None if limits is None else limits.tool_calls) == calls
    assert made.spec.on_limit == "Suspend"
    assert {tier.calls_per_minute for tier in made.spec.tiers.values()} == {100_000}


def test_the_pod_behind_the_connector_imports_nothing_that_images_lack() -> None:
    tree = ast.parse(Path(upstream.__file__).read_text())
    imported = {name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in [node.module]}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"__future__", "typing", "asyncio", "sys", "uvloop"}
    pod, target, _ = service("image")
    assert target["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_what_the_bench_makes_for_the_whole_cluster_is_known_by_its_name() -> None:
    assert all(map(is_of_the_bench, (CONNECTOR, budget_name("x"), "genapps-bench")))
    assert not any(map(is_of_the_bench, ("finance", "genapps-benchmark", "", "my-genapps-bench-x")))


def test_writes_are_told_by_whom_verb_and_resource() -> None:
    made = [
        Write(0.0, f"system:serviceaccount:genapps-system:genapps-{who}", what)
        for who, what in (("gateway", "patch ledgers/a"), ("gateway", "patch ledgers/b"), ("operator", "patch x/s/a"))
    ]
    assert by_what(made) == "2 gateway patch ledgers, 1 operator patch x"


async def test_a_call_of_each_of_a_thousand_apps_is_told_for_each() -> None:
    assert await budgets._writes(10) == 12
    assert await budgets._writes(1000) == 1002


def pod(uid: str, **metadata: str) -> dict[str, Any]:
    return {"metadata": {"name": "pod", "uid": uid, "resourceVersion": "8", **metadata}}


async def test_the_end_of_a_pod_is_its_own_and_not_that_of_its_successor() -> None:
    ending = {"deletionTimestamp": "2026-11-23T12:00:00Z"}
    events = stream(
        ("MODIFIED", pod("a")), ("DELETED", pod("b", **ending)), ("MODIFIED", pod("a", **ending)),
        ("DELETED", pod("a", **ending)), ("ADDED", pod("c")), then="silence",
    )  # fmt: skip
    script = Script([events])
    async with serve(script) as client:
        end = await end_of(client, "a", "7")
    assert end.ordered <= end.gone


async def test_a_watch_that_ends_before_the_pod_is_no_measurement() -> None:
    async with serve(Script([stream(("MODIFIED", pod("a")))])) as client:
        with pytest.raises(RuntimeError, match="before the pod did"):
            await end_of(client, "a", "7")
