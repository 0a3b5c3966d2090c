# SPDX-License-Identifier: Apache-2.0
"""The executor writes children in run namespaces only, and the record by compare-and-swap."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from genapps.api.apprecord import AppRecord
from genapps.cluster.errors import ConflictError
from genapps.controller.cache.caches import Caches
from genapps.controller.reconcile.execute import ChildRefusedError, Executor
from genapps.core.steps import Apply, Delete, Wait, WriteRecord
from tests.support.scripted_server import Script, json, refusal, serve
from tests.unit.controller import world
from tests.unit.controller.world import child, record


@dataclass
class Setting:
    executor: Executor
    caches: Caches
    script: Script


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    script = Script()
    async with serve(script) as client:
        caches = world.caches()
        yield Setting(Executor(client, caches, "system", frozenset({"run"})), caches, script)


def manifest(kind: str = "Service", namespace: str = "run") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "c", "namespace": namespace}}


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(Apply((manifest(namespace="team"),)), id="a child in a tenant's namespace"),
        pytest.param(Apply((manifest(), manifest(namespace="system"))), id="one of two in the system namespace"),
        pytest.param(Apply((manifest("Secret"),)), id="a kind that is no child"),
        pytest.param(Apply((manifest("GeneratedApp"),)), id="a spec"),
        pytest.param(Delete("Pod", "kube-system", "c", "u"), id="a pod elsewhere"),
        pytest.param(Delete("AppRecord", "run", "c", "u"), id="a record elsewhere"),
        pytest.param(Delete("Namespace", "run", "run", "u"), id="a namespace"),
    ],
)
async def test_nothing_is_written_outside_the_run_namespaces_whatever_a_plan_says(
    setting: Setting, step: Apply | Delete
) -> None:
    setting.script.answers = [json({})]
    with pytest.raises(RuntimeError, match="refusing"):
        await setting.executor.run("c", (step,), set())
    assert setting.script.asked == []


async def test_steps_end_at_a_wait(setting: Setting) -> None:
    setting.script.answers = [json(child("app"))]
    steps = (Apply((manifest(),)), Wait("ClaimPending", 3.0), Apply((manifest(),)))
    outcome = await setting.executor.run("c", steps, set())
    assert (outcome.acted, outcome.wait) == (True, steps[1])
    assert len(setting.script.asked) == 1


async def test_an_applied_child_is_in_the_caches_at_once(setting: Setting) -> None:
    live = child("app")
    setting.script.answers = [json(live)]
    await setting.executor.run("c", (Apply((manifest(),)),), set())
    assert setting.caches.children["run", "Service"].get(("run", live["metadata"]["name"])) is not None


async def test_a_record_is_swapped_against_the_version_it_was_made_from(setting: Setting) -> None:
    setting.script.answers = [json(record("app", 8))]
    step = WriteRecord(AppRecord.model_validate(record("app")).record, "7")
    await setting.executor.run("c", (step,), set())
    assert setting.script.asked[0].body["metadata"]["resourceVersion"] == "7"
    setting.script.answers = [refusal(409, "Conflict")]
    with pytest.raises(ConflictError):
        await setting.executor.run("c", (step,), set())


async def test_the_first_record_never_takes_the_place_of_another_writers(setting: Setting) -> None:
    setting.script.answers = [refusal(409, "AlreadyExists")]
    step = WriteRecord(AppRecord.model_validate(record("app")).record, None)
    with pytest.raises(ConflictError):
        await setting.executor.run("c", (step,), set())
    assert [asked.method for asked in setting.script.asked] == ["POST"]


@pytest.mark.parametrize("status", [403, 404, 422, 500, 503, 504])
async def test_a_refused_child_is_told_from_other_errors(setting: Setting, status: int) -> None:
    setting.script.answers = [refusal(status, "Forbidden", "exceeded quota: pods=10")]
    with pytest.raises(ChildRefusedError, match="exceeded quota"):
        await setting.executor.run("c", (Apply((manifest(),)),), set())


@pytest.mark.parametrize("status", [404, 409])
async def test_a_deletion_of_what_is_gone_is_no_error_and_is_ordered_once(setting: Setting, status: int) -> None:
    setting.script.answers = [refusal(status)]
    ordered: set[str] = set()
    step = Delete("Pod", "run", "c", "u1", 1)
    assert (await setting.executor.run("c", (step,), ordered)).acted
    assert not (await setting.executor.run("c", (step,), ordered)).acted
    assert len(setting.script.asked) == 1
