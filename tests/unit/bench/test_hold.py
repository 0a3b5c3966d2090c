# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from bench.apps import ANSWERS, generated_app
from bench.cluster.cleaning import is_of_the_bench
from bench.cluster.hold import app_hold, hold_family, until_ordered, until_suspended, until_told
from genapps.api.apphold import AppHold
from genapps.api.generatedapp import GeneratedApp
from genapps.api.names import LABEL_APP
from genapps.core.holds import candidate, selects
from tests.support.scripted_server import Script, json, serve, stream

ENDED = {"matched": 2, "draining": 0, "active": True}


def pod(name: str) -> dict[str, Any]:
    labels = {LABEL_APP: name}
    return {"metadata": {"name": f"pod-{name}", "uid": name, "resourceVersion": "8", "labels": labels}}


def app(name: str, suspended: str = "True") -> dict[str, Any]:
    conditions = [{"type": "Suspended", "status": suspended}]
    return {"metadata": {"name": name, "resourceVersion": "9"}, "status": {"conditions": conditions}}


def hold(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "genapps-bench-f", "resourceVersion": "9"}, "status": status}


def listing(*items: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "7"}, "items": list(items)}


def test_the_hold_matches_the_family_and_no_other_app_of_the_bench() -> None:
    made = AppHold.model_validate(app_hold("f"))
    assert is_of_the_bench(made.metadata.name)

    def matched(family: str | None) -> bool:
        found = GeneratedApp.model_validate(generated_app("a", ANSWERS, family=family))
        return selects(made.spec.selector, candidate(found, {}, ()))

    assert [matched(family) for family in ("f", "g", None)] == [True, False, False]


async def test_an_app_without_a_pod_is_no_measurement() -> None:
    async with serve(Script([json(listing(pod("a")))])) as client:
        with pytest.raises(RuntimeError, match="1 pods of 2 apps"):
            await hold_family(client, "f", {"a", "b"})


async def test_the_last_order_is_out_when_each_pod_ends_or_is_gone() -> None:
    ending = pod("b")
    ending["metadata"]["deletionTimestamp"] = "2026-11-30T00:00:00Z"
    events = stream(
        ("MODIFIED", pod("a")), ("DELETED", pod("other")), ("MODIFIED", ending), ("DELETED", pod("a")), then="silence"
    )
    left = {"a", "b"}
    async with serve(Script([events])) as client:
        await until_ordered(client, left, "7")
    assert not left
    async with serve(Script([stream(("MODIFIED", ending))])) as client:
        with pytest.raises(RuntimeError, match="1 were not ordered"):
            await until_ordered(client, {"a", "b"}, "7")


async def test_the_last_app_is_out_when_each_has_said_so_and_others_do_not_count() -> None:
    events = stream(
        ("MODIFIED", app("a", "False")), ("MODIFIED", app("other")), ("MODIFIED", app("a")), ("MODIFIED", app("b")),
        then="silence",
    )  # fmt: skip
    left = {"a", "b"}
    async with serve(Script([events])) as client:
        await until_suspended(client, left, "7")
    assert not left
    async with serve(Script([stream(("MODIFIED", app("a")))])) as client:
        with pytest.raises(RuntimeError, match="1 were not suspended"):
            await until_suspended(client, {"a", "b"}, "7")


@pytest.mark.parametrize("status", [{}, {**ENDED, "active": False}, {**ENDED, "matched": 1}, {**ENDED, "draining": 1}])
async def test_a_hold_has_told_when_it_counts_all_apps_and_no_pod(status: dict[str, Any]) -> None:
    early = ("MODIFIED", hold(**status))
    async with serve(Script([stream(early)])) as client:
        with pytest.raises(RuntimeError, match="ended before"):
            await until_told(client, hold(), 2)
    async with serve(Script([stream(early, ("MODIFIED", hold(**ENDED)), then="silence")])) as client:
        await until_told(client, hold(), 2)
