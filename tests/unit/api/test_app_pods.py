# SPDX-License-Identifier: Apache-2.0
"""Values for apps' pods: how what is general and what is special come together."""

from typing import Any

import pytest
from pydantic import ValidationError

from genapps.api.app_pods import AppPods

TAINT = {"key": "apps", "operator": "Exists"}
OTHER = {"key": "untrusted", "operator": "Exists"}
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
VALUES = AppPods.model_validate(
    {
        "pod": {
            "nodeSelector": {"pool": "apps", "genapps.dev/pool": "a"},
            "tolerations": [TAINT],
            "affinity": {"nodeAffinity": {}},
            "labels": {"team": "platform"},
        },
        "byRiskClass": {"high": {"nodeSelector": {"pool": "untrusted"}, "tolerations": [OTHER]}},
        "byRunNamespace": {
            "run-b": {"nodeSelector": {"pool": "b"}, "affinity": {"podAffinity": {}}, "priorityClassName": "low"}
        },
    }
)


@pytest.mark.parametrize(
    ("risk", "run_namespace", "pool", "tolerations"),
    [
        ("low", "run-a", "apps", [TAINT]),
        ("high", "run-a", "untrusted", [TAINT, OTHER]),
        ("low", "run-b", "b", [TAINT]),
        ("high", "run-b", "b", [TAINT, OTHER]),
    ],
)
def test_the_run_namespace_wins_over_the_risk_class_and_that_over_all_apps(
    risk: str, run_namespace: str, pool: str, tolerations: list[Any]
) -> None:
    spec = VALUES.placement(risk, run_namespace).spec({})
    assert spec["nodeSelector"] == {"pool": pool, "genapps.dev/pool": "a"}
    assert spec["tolerations"] == tolerations


def test_affinity_and_priority_class_are_taken_as_a_whole() -> None:
    spec = VALUES.placement("low", "run-b").spec({})
    assert (spec["affinity"], spec["priorityClassName"]) == ({"podAffinity": {}}, "low")


def test_nothing_that_is_not_said_is_in_the_spec() -> None:
    assert AppPods().placement("low", "run").spec({}) == {}


def test_a_spread_counts_all_apps_unless_it_selects_others() -> None:
    own = {**SPREAD, "topologyKey": "host", "labelSelector": {"matchLabels": {"team": "a"}}}
    values = AppPods.model_validate({"pod": {"topologySpreadConstraints": [SPREAD, own]}})
    spread = values.placement("low", "run").spec({"ours": "yes"})["topologySpreadConstraints"]
    assert [one["labelSelector"]["matchLabels"] for one in spread] == [{"ours": "yes"}, {"team": "a"}]


@pytest.mark.parametrize("key", ["genapps.dev/app", "x.genapps.dev/a", "app.kubernetes.io/managed-by"])
@pytest.mark.parametrize("where", ["childLabels", "childAnnotations"])
def test_keys_of_ours_are_refused(where: str, key: str) -> None:
    with pytest.raises(ValidationError, match="policies select"):
        AppPods.model_validate({where: {key: "x"}})


def test_keys_that_only_look_like_ours_are_taken() -> None:
    labels = {"mygenapps.dev/a": "x", "app.kubernetes.io/part-of": "x"}
    assert AppPods.model_validate({"childLabels": labels}).child_labels == labels
