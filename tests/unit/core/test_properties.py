# SPDX-License-Identifier: Apache-2.0
"""What holds for any app: names, purity, and that a plan leads where it says."""

import base64
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from genapps.api import names
from genapps.api.digests import bundle_digest, sha256
from genapps.core.desired import desired
from genapps.core.judge import judge
from genapps.core.observed import Bundle
from genapps.core.record import next_record, wire
from genapps.core.status import status
from genapps.core.verdict import Mode
from tests.unit.core.world import START, World, app, budget, ledger

LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

SPECS = st.fixed_dictionaries(
    {},
    optional={
        "operatingMode": st.sampled_from(["Running", "Suspended"]),
        "workloadClass": st.sampled_from(["interactive", "batch", "background"]),
        "tier": st.sampled_from(["small", "large"]),
        "stage": st.sampled_from(["Development", "Internal"]),
        "idleTimeout": st.just("15m"),
        "acknowledgedSuspension": st.sampled_from(["", "f" * 32]),
        "code": st.fixed_dictionaries({"source": st.fixed_dictionaries({"inline": st.text(min_size=1, max_size=20)})}),
        "envelope": st.fixed_dictionaries(
            {"riskClass": st.sampled_from(["low", "medium", "high"])},
            optional={"connectors": st.lists(st.sampled_from(["a", "b"]), unique=True)},
        ),
        "ingress": st.just({"from": [{"podSelector": {"matchLabels": {"app": "x"}}}]}),
    },
)
BUDGETS = st.none() | st.builds(
    budget,
    st.fixed_dictionaries(
        {},
        optional={
            "namespaces": st.sampled_from([["finance"], ["sales"]]),
            "tiers": st.sampled_from([{"large": {"cpu": "2"}}, {"small": None, "large": {}}]),
            "policy": st.fixed_dictionaries({"maxApps": st.integers(0, 2)}),
        },
    ),
)
LEDGERS = st.none() | st.lists(st.sampled_from("abcd"), max_size=5).map(lambda ids: ledger(*ids))


def _spec(spec: dict[str, Any]) -> dict[str, Any]:
    return spec | {"code": {"digest": "sha256:" + "0" * 64}} if spec.get("stage") == "Internal" else spec


def _world(spec: dict[str, Any], granted: Any, counted: Any, ran: bool) -> World:
    world = World().run() if ran else World()
    world.app = app(_spec(spec), {"generation": 2})
    world.budget, world.ledger = granted, counted
    return world


@given(LABEL, LABEL)
def test_names_of_children_are_valid_and_fit(namespace: str, name: str) -> None:
    child = names.child_name(namespace, name)
    snapshot = names.config_snapshot_name(child, "sha256:" + "f" * 64)
    assert DNS_LABEL.fullmatch(child)
    assert len(child) <= 63
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", snapshot)


@given(LABEL, LABEL, st.binary(max_size=4).map(sha256))
def test_the_child_name_is_found_in_the_names_of_its_snapshots(namespace: str, name: str, digest: str) -> None:
    child = names.child_name(namespace, name)
    snapshots = [*names.code_snapshot_names(child, digest, None), *names.code_snapshot_names(child, digest, 32)]
    snapshots.append(names.config_snapshot_name(child, digest))
    assert len(set(snapshots)) == 34
    assert {names.child_name_of(one) for one in (child, *snapshots)} == {child}


@given(LABEL, LABEL, LABEL, LABEL)
def test_different_apps_have_different_names(namespace: str, name: str, other_namespace: str, other: str) -> None:
    same = (namespace, name) == (other_namespace, other)
    assert (names.child_name(namespace, name) == names.child_name(other_namespace, other)) == same


@given(SPECS, BUDGETS, LEDGERS, st.booleans())
def test_judge_and_desired_called_twice_give_the_same(spec: Any, granted: Any, counted: Any, ran: bool) -> None:
    observed = _world(spec, granted, counted, ran).observe()
    first, second = judge(observed, START, "a" * 32), judge(observed, START, "a" * 32)
    assert first == second
    assert desired(observed, first) == desired(observed, second)
    assert status(observed, first) == status(observed, second)


@given(SPECS, BUDGETS, LEDGERS, st.booleans())
def test_every_app_settles_and_then_nothing_more_is_written(spec: Any, granted: Any, counted: Any, ran: bool) -> None:
    world = _world(spec, granted, counted, ran)
    world.settle()
    world.writes.clear()
    world.settle()
    assert world.writes == []


@given(SPECS, BUDGETS, LEDGERS, st.booleans())
def test_no_pod_runs_unless_the_verdict_says_so(spec: Any, granted: Any, counted: Any, ran: bool) -> None:
    world = _world(spec, granted, counted, ran)
    world.settle()
    if world.pod and not world.pod.deleting:
        assert world.verdict().mode is Mode.RUN
        assert not (world.record and world.record.suspension)


@given(SPECS, BUDGETS, LEDGERS, st.booleans())
def test_every_child_is_ours_in_the_run_namespace_and_can_be_written(
    spec: Any, granted: Any, counted: Any, ran: bool
) -> None:
    world = _world(spec, granted, counted, ran)
    for manifest in world.desired():
        metadata = manifest["metadata"]
        assert metadata["namespace"] == "genapps-run"
        assert metadata["labels"][names.LABEL_APP_UID] == "app-uid-1"
        assert metadata["annotations"][names.ANNOTATION_ENVELOPE_DIGEST].startswith("sha256:")
        json.dumps(manifest, allow_nan=False)


@given(SPECS, BUDGETS, LEDGERS)
def test_a_record_that_was_written_is_not_written_again(spec: Any, granted: Any, counted: Any) -> None:
    world = _world(spec, granted, counted, ran=True)
    verdict = world.verdict()
    world.record = next_record(world.observe(), verdict, judged_pod=None)
    again = next_record(world.observe(), judge(world.observe(), START, "b" * 32), judged_pod=None)
    assert wire(again) == wire(world.record)


FILES = st.dictionaries(
    st.from_regex(r"([xy]/){0,2}[a-z]{1,8}\.py", fullmatch=True),
    st.binary(max_size=40) | st.sampled_from([b"x" * 2**19, b"\0" * 2**20]),
    max_size=5,
)


def _snapshots(world: World) -> list[Any]:
    """The manifests with the code."""
    return [one for one in world.desired() if "-code-" in one["metadata"]["name"] and one["kind"] == "ConfigMap"]


@settings(deadline=None)
@given(FILES)
def test_a_pod_finds_exactly_the_files_that_were_judged(files: dict[str, bytes]) -> None:
    files = {"app.py": b"", **files}
    world = World(others={"source": Bundle("app.py", files), "scanned": None})
    revision = world.verdict().revision
    assert revision
    contents = {}
    for manifest in _snapshots(world):
        text = {key: content.encode() for key, content in manifest.get("data", {}).items()}
        binary = {key: base64.b64decode(content) for key, content in manifest.get("binaryData", {}).items()}
        contents[manifest["metadata"]["name"]] = {**text, **binary}
        assert sum(map(len, contents[manifest["metadata"]["name"]].values())) <= 2**20
    volume = next(one for one in pod_volumes(world) if one["name"] == "code")
    sources = volume["projected"]["sources"] if "projected" in volume else [volume]
    mounted: dict[str, bytes] = {}
    for source in (source["configMap"] for source in sources):
        found = contents.pop(source["name"])
        paths = {item["key"]: item["path"] for item in source.get("items", ())} or {key: key for key in found}
        assert paths.keys() == found.keys()
        mounted |= {path: found[key] for key, path in paths.items()}
    assert mounted == files
    assert contents == {}
    assert revision.code_digest == bundle_digest("app.py", files)


def pod_volumes(world: World) -> list[Any]:
    world.settle()
    world.bind()
    world.settle()
    volumes: list[Any] = world.manifests["Pod", world.observe().child_name]["spec"]["volumes"]
    return volumes


def test_a_snapshot_of_control_characters_fits_into_a_request() -> None:
    world = World(others={"source": Bundle("app.py", {"app.py": b"", "data": b"\x01" * 2**20}), "scanned": None})
    assert max(len(json.dumps(one)) for one in _snapshots(world)) < 2 * 2**20
