# SPDX-License-Identifier: Apache-2.0
"""Limits of a budget and hostile sources on a real API server: nobody slips through, and status says what to do."""

import base64
import json
from collections.abc import Iterator

import pytest

from tests.support.operator_process import World, world
from tools.kubectl import Kubectl, condition, until
from tools.node import Node


@pytest.fixture(scope="module")
def here(bare: Node, bare_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """No claim is ever bound here, so no app gets as far as a record."""
    log = tmp_path_factory.mktemp("operator") / "log"
    with world(bare_kubectl, bare, log, GENAPPS_WAIT_FOR_FIRST_CONSUMER="false") as made:
        yield made


def allow(here: World, apps: int) -> None:
    patch = json.dumps({"spec": {"policy": {"maxApps": apps}}})
    here.kubectl("patch", "appbudget", here.namespace, "--type=merge", "-p", patch)


def refused(here: World, names: list[str]) -> list[str]:
    return [name for name in names if condition(here.get(name), "Stalled").get("reason") == "TooManyApps"]


def test_no_more_apps_than_the_budget_allows_although_all_come_at_once_and_a_free_place_is_taken(here: World) -> None:
    allow(here, 2)
    names = [f"burst-{number}" for number in range(6)]
    here.apply(*(here.app(name) for name in names))
    until(here.operator.idle, 30, "an idle operator")
    late = refused(here, names)
    assert len(late) == 4
    for name in set(names) - set(late):
        here.kubectl("delete", "gapp", name, "-n", here.namespace)
    until(lambda: len(refused(here, late)) == 2, 30, "two of them in the places of the deleted ones")
    here.kubectl("delete", "gapp", *late, "-n", here.namespace)
    allow(here, 1000)


def test_a_source_that_would_grow_sixfold_in_a_request_still_gets_its_snapshot(here: World) -> None:
    content = base64.b64encode(b"#" + b"\x01" * (1024 * 1024 - 100)).decode()
    source = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "controls", "namespace": here.namespace, "labels": {"genapps.dev/source": "true"}},
        "binaryData": {"app.py": content},
    }
    here.kubectl("create", "-f", "-", given=json.dumps(source))
    here.apply(
        here.app(
            "controls", code={"language": "python", "source": {"configMap": {"name": "controls", "entry": "app.py"}}}
        )
    )
    assert len(here.snapshots("controls")) == 2


def test_a_source_of_very_many_names_is_refused_with_the_limit(here: World) -> None:
    source = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "crowd", "namespace": here.namespace, "labels": {"genapps.dev/source": "true"}},
        "data": {"app.py": "", **{f"{number:04d}{'x' * 240}": "" for number in range(2000)}},
    }
    here.kubectl("create", "-f", "-", given=json.dumps(source))
    code = {"language": "python", "source": {"configMap": {"name": "crowd", "entry": "app.py"}}}
    here.apply(here.app("crowd", code=code))
    stalled = here.until_condition("crowd", "Stalled", "True", "SourceTooLarge")
    assert "512" in stalled["message"]


def test_no_annotation_on_any_namespace_ends_the_operator(here: World) -> None:
    here.kubectl("annotate", "namespace", here.namespace, f"genapps.dev/confirm-vanished={'9' * 5000}")
    here.apply(here.app("afterwards"))
    assert here.operator.get("/livez") == "ok"
