# SPDX-License-Identifier: Apache-2.0
"""The health check for Argo CD, run by Lua 5.1 as Argo does: its own form of fixtures, then every combination."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

from genapps.api.kinds import KINDS

PLACE = Path(__file__).resolve().parents[3] / "deploy" / "argocd"
CHECKED = sorted(file.parent.name for file in PLACE.glob("genapps.dev/*/health.lua"))
CONDITIONS = ("Suspended", "Stalled", "Reconciling", "Ready")


def health(kind: str, manifest: dict[str, Any]) -> dict[str, str]:
    """What the script returns for the object, as Argo passes it: global `obj`, no libraries of the machine."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False, unpack_returned_tuples=True)
    lua.execute("os, io, require, package = nil, nil, nil, nil")
    lua.globals().obj = lua.table_from(manifest, recursive=True)
    return dict(lua.execute((PLACE / "genapps.dev" / kind / "health.lua").read_text(encoding="utf-8")))


def fixtures() -> list[Any]:
    found = []
    for kind in CHECKED:
        folder = PLACE / "genapps.dev" / kind
        tests = yaml.safe_load((folder / "health_test.yaml").read_text(encoding="utf-8"))["tests"]
        assert {test["inputPath"] for test in tests} == {f"testdata/{file.name}" for file in folder.glob("testdata/*")}
        found += [pytest.param(kind, folder / each["inputPath"], each["healthStatus"]) for each in tests]
    return found


@pytest.mark.parametrize(
    ("kind", "file", "expected"),
    [pytest.param(*each.values, id="/".join(each.values[1].parts[-3:])) for each in fixtures()],
)
def test_argo_shows(kind: str, file: Path, expected: dict[str, str]) -> None:
    assert health(kind, yaml.safe_load(file.read_text(encoding="utf-8"))) == expected


@pytest.mark.parametrize("kind", CHECKED)
@pytest.mark.parametrize("observed", [-1, 1, 2])
def test_nothing_is_healthy_unless_ready_settled_and_of_this_generation(kind: str, observed: int) -> None:
    seen = set()
    for statuses in product(("True", "False", "Unknown", None), repeat=len(CONDITIONS)):
        told = dict(zip(CONDITIONS, statuses, strict=True))
        conditions = [
            {"type": name, "status": status, "reason": "R", "message": "m"} for name, status in told.items() if status
        ]
        manifest = {
            "metadata": {"generation": 2},
            "status": {"observedGeneration": observed, "conditions": conditions},
        }
        shown = health(kind, manifest)["status"]
        holding = [name for name, status in told.items() if status == "True"]
        assert (shown == "Suspended") == ("Suspended" in holding)
        assert (shown == "Healthy") == (observed == 2 and holding == ["Ready"])
        seen.add(shown)
    assert seen == (
        {"Suspended", "Degraded", "Progressing", "Healthy"} if observed == 2 else {"Suspended", "Progressing"}
    )


@pytest.mark.parametrize("kind", CHECKED)
def test_an_object_that_nobody_has_looked_at_is_not_healthy(kind: str) -> None:
    assert health(kind, {"metadata": {"generation": 1}})["status"] == "Progressing"


def test_checked_kinds_exist_and_the_patch_holds_each_script() -> None:
    assert set(CHECKED) <= {kind.name for kind in KINDS if kind.status is not None}
    patch = yaml.safe_load((PLACE / "argocd-cm.yaml").read_text(encoding="utf-8"))
    assert patch["data"] == {
        f"resource.customizations.health.genapps.dev_{kind}": (PLACE / "genapps.dev" / kind / "health.lua").read_text()
        for kind in CHECKED
    }
