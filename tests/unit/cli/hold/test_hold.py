# SPDX-License-Identifier: Apache-2.0
"""`genapps hold`: the AppHold that it writes, what it refuses before it asks a cluster, and the blast radius."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from genapps.api.apphold import HoldSelector
from genapps.cli.hold.blast_radius import BlastRadius, blast_radius, doubts
from genapps.cli.main import main
from tests.support.admission import DIGEST
from tests.unit.cli.hold.cluster import Cluster, app, served, suspended

OTHER = "sha256:" + "f" * 64
HOLD = ("hold", "incident-7", "--reason", "ask #platform")
MANIFEST: dict[str, Any] = {
    "apiVersion": "genapps.dev/v1alpha1",
    "kind": "AppHold",
    "metadata": {"name": "incident-7"},
    "spec": {"selector": {"owner": "finance-tools"}, "reason": "ask #platform"},
}


def radius(selector: dict[str, Any], *apps: dict[str, Any]) -> BlastRadius:
    return blast_radius(HoldSelector.model_validate(selector), apps)


async def test_a_hold_is_written_with_what_the_options_say(tmp_path: Path) -> None:
    async with served(Cluster()) as cluster:
        selecting = ("--owner", "finance-tools", "--risk-class", "high", "--family", "converters")
        more = ("--connector", "payroll", "--code-digest", DIGEST, "--namespaces", "finance,sales")
        found = await cluster.run(tmp_path, *HOLD, *selecting, *more, "--until", "2099-12-01T09:00:00+01:00")
        assert (found.exit_code, "AppHold incident-7 is written" in found.stdout) == (0, True), found.output
        assert (await cluster.run(tmp_path, *HOLD, "--all")).exit_code == 0
    selector = {
        "owner": "finance-tools", "riskClass": "high", "family": "converters", "connector": "payroll",
        "codeDigest": DIGEST, "namespaces": ["finance", "sales"],
    }  # fmt: skip
    whole = {"selector": selector, "reason": "ask #platform", "until": "2099-12-01T08:00:00.000000Z"}
    assert cluster.created[0] == {**MANIFEST, "spec": whole}
    assert cluster.created[1]["spec"] == {"selector": {"all": True}, "reason": "ask #platform"}
    assert [method for method, _ in cluster.asked] == ["POST", "POST"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (HOLD, "give at least one field, or all: true"),
        ((*HOLD, "--all", "--owner", "a"), "write true and no other field"),
        (("hold", "--all", "--reason", "r"), "give the hold a NAME"),
        (("hold", "stop", "--all"), "give the hold a NAME and a --reason"),
        (("hold", "Stop", "--all", "--reason", "r"), "metadata.name"),
        ((*HOLD, "--owner", ""), "spec.selector.owner"),
        ((*HOLD, "--owner", "a" * 64), "spec.selector.owner"),
        ((*HOLD, "--risk-class", "higher"), "spec.selector.riskClass"),
        ((*HOLD, "--code-digest", "sha256:12"), "spec.selector.codeDigest"),
        ((*HOLD, "--namespaces", "finance, sales"), "spec.selector.namespaces"),
        ((*HOLD, "--namespaces", "a,a"), "spec.selector.namespaces"),
        ((*HOLD, "--namespaces", ",".join(f"n{number}" for number in range(65))), "spec.selector.namespaces"),
        (("hold", "stop", "--all", "--reason", "r" * 513), "spec.reason"),
        ((*HOLD, "--all", "--until", "tomorrow"), "spec.until"),
        ((*HOLD, "--all", "--until", "2099-12-01T08:00:00"), "spec.until"),
        ((*HOLD, "--all", "--until", "2020-12-01T08:00:00Z"), "spec.until: is over"),
        (("hold", "-f", "hold.yaml"), "-f is for --dry-run"),
        (("hold", "--dry-run", "-f", "hold.yaml", "--all"), "-f stands without"),
        (("hold", "--dry-run", "-f", "/nowhere"), "/nowhere: No such file"),
        (("hold", "--dry-run"), "give at least one field"),
    ],
)
async def test_what_is_no_hold_is_refused_before_anything_is_asked(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    async with served(Cluster()) as cluster:
        found = await cluster.run(tmp_path, *words)
    assert (found.exit_code, cluster.asked) == (2, [])
    assert said in found.stderr


@pytest.mark.parametrize(("status", "said"), [(409, "there is an AppHold incident-7"), (403, "genapps-platform"),
                                              (422, "because")])  # fmt: skip
async def test_a_refusal_of_the_cluster_is_told(tmp_path: Path, status: int, said: str) -> None:
    async with served(Cluster(refusals={"hold": status})) as cluster:
        found = await cluster.run(tmp_path, *HOLD, "--all")
    assert (found.exit_code, found.stdout) == (1, "")
    assert said in found.stderr
    assert "\x1b" not in found.stderr


async def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    apps = [
        app("a"),
        app("b", {"status.effectiveRisk": "high"}),
        suspended("c", {"metadata.namespace": "sales"}),
        app("d", {"spec.envelope.owner.team": "others"}),
    ]
    file = tmp_path / "hold.json"
    file.write_text(json.dumps(MANIFEST))
    async with served(Cluster(apps)) as cluster:
        found = await cluster.run(tmp_path, "hold", "--dry-run", "--owner", "finance-tools")
        of_file = await cluster.run(tmp_path, "hold", "--dry-run", "-f", str(file))
        over = await cluster.run(tmp_path, "hold", "--dry-run", "--all", "--until", "2020-12-01T08:00:00Z")
    assert (found.exit_code, found.stderr) == (0, "")
    rows = [tuple(line.split()) for line in found.stdout.splitlines() if line]
    assert rows[:-1] == [
        ("NAMESPACE", "APPS"), ("finance", "2"), ("sales", "1"), ("OWNER", "APPS"), ("finance-tools", "3"),
        ("RISK", "APPS"), ("low", "2"), ("high", "1"),
    ]  # fmt: skip
    assert "3 of 4 apps match; 1 of them are suspended already. Nothing was written." in found.stdout
    assert of_file.stdout == found.stdout
    assert "4 of 4 apps match" in over.stdout
    assert "spec.until is over" in over.stderr
    assert {method for method, _ in cluster.asked} == {"GET"}


async def test_whoever_may_not_list_apps_is_told(tmp_path: Path) -> None:
    async with served(Cluster(listing_status=403)) as cluster:
        found = await cluster.run(tmp_path, "hold", "--dry-run", "--all")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "you may not list" in found.stderr


@pytest.mark.parametrize("holds", [0, 2])
def test_a_file_holds_one_hold(tmp_path: Path, holds: int) -> None:
    file = tmp_path / "holds.yaml"
    file.write_text(
        "---\n".join([json.dumps({**MANIFEST, "kind": "Other"}) + "\n"] + [json.dumps(MANIFEST) + "\n"] * holds)
    )
    found = CliRunner().invoke(main, ["hold", "--dry-run", "-f", str(file)])
    assert (found.exit_code, f"holds {holds} AppHolds" in found.stderr) == (2, True)


def test_a_file_whose_fields_can_be_read_in_two_ways_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "hold.yaml"
    lines = ("apiVersion: genapps.dev/v1alpha1", "kind: AppHold", "metadata: {name: stop}", "spec:", "  reason: r",
             "  selector: {family: a}", "  selector: {family: b}")  # fmt: skip
    file.write_text("\n".join(lines))
    found = CliRunner().invoke(main, ["hold", "--dry-run", "-f", str(file)])
    assert (found.exit_code, f"{file}:7: spec.selector: given twice" in found.stderr) == (2, True), found.stderr


def test_the_effective_risk_counts_and_the_declared_one_where_none_was_told() -> None:
    raised = app("a", {"status.effectiveRisk": "high"})
    assert len(radius({"riskClass": "high"}, raised).matched) == 1
    assert radius({"riskClass": "low"}, raised).matched == ()
    assert len(radius({"riskClass": "low"}, app("new", {"status": {}})).matched) == 1


def test_code_matches_where_it_runs_or_is_declared_and_may_match_where_nobody_told() -> None:
    settled = {"observedGeneration": 1, "codeDigest": OTHER, "revision": "r1", "desiredRevision": "r1"}
    runs = app("runs", {"status": {**settled, "codeDigest": DIGEST}})
    declared = app("declared", {"spec.code.digest": DIGEST, "status": settled})
    other = app("other", {"status": settled})
    unlike = app("unlike", {"spec.code.digest": OTHER, "status": {}})
    switching = app("switching", {"status": {**settled, "desiredRevision": "r2"}})
    edited = app("edited", {"metadata.generation": 2, "status": settled})
    new = app("new", {"status": {}})
    found = radius({"codeDigest": DIGEST}, runs, declared, other, unlike, switching, edited, new)
    assert len(found.matched) == 2
    assert found.uncertain == ("finance/edited", "finance/new", "finance/switching")
    assert all("may match" in doubt for doubt in doubts(found))
    assert radius({"codeDigest": DIGEST, "owner": "others"}, new).uncertain == ()


def test_an_app_of_another_version_is_named_and_not_counted() -> None:
    found = radius({"all": True}, app("a"), app("b", {"spec.speed\x1b": 1}))
    assert (found.apps, len(found.matched)) == (2, 1)
    (doubt,) = doubts(found)
    assert doubt.startswith("cannot read GeneratedApp finance/b: spec.speed")
    assert "\x1b" not in doubt
