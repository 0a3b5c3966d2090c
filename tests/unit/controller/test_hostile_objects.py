# SPDX-License-Identifier: Apache-2.0
"""What strangers write into objects that the operator watches must neither end it nor fill its memory."""

import json
from typing import Any

from genapps.controller.cache import parse
from genapps.controller.cache.children import CONFIRM_VANISHED, namespace_state
from genapps.controller.cache.keys import BudgetKey, GatewayKey
from tests.unit.controller.world import Seen


def namespace(confirmed: str) -> dict[str, Any]:
    return {"metadata": {"name": "team", "uid": "n1", "annotations": {CONFIRM_VANISHED: confirmed}}}


def test_no_annotation_of_a_namespace_ends_the_operator() -> None:
    for text in ("9" * 5000, "-1", "1e3", "\u0663", "", "12\n", "1-" + "x" * 5000):
        assert namespace_state(namespace(text)).confirmation == ""
    assert namespace_state(namespace("12")).confirmation == "12"


def test_annotations_and_labels_of_an_app_are_not_kept() -> None:
    metadata = {"namespace": "team", "name": "a", "uid": "u", "resourceVersion": "1", "generation": 1}
    filled = {"annotations": {"x": "y" * 200_000}, "labels": {"x": "y"}, "managedFields": [{}]}
    kept = parse.app({"metadata": {**metadata, **filled}, "spec": {"budget": "b"}})
    assert kept.budget == "b"
    assert len(json.dumps(dict(kept.raw))) < 200


def test_a_budget_with_the_name_of_a_run_namespace_is_another_key() -> None:
    seen = Seen()
    caches = seen.caches
    caches.gateway_ca.changed(
        {"metadata": {"namespace": "system", "name": "ca", "resourceVersion": "1"}, "data": {"ca.crt": "pem"}}
    )
    caches.budgets.changed({"metadata": {"name": "run", "resourceVersion": "2"}})
    woken = seen.woken()
    assert {type(key) for key in woken} == {BudgetKey, GatewayKey}
    assert len(set(woken)) == 2
