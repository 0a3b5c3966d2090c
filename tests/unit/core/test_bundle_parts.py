# SPDX-License-Identifier: Apache-2.0
"""Bundles with folders, or larger than a ConfigMap: in which parts they are kept, and that all parts are thought of."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genapps.api import names
from genapps.api.apprecord import PARTS_KEPT, KeptRevision
from genapps.api.bundles import BUNDLE_BYTES, FILE_BYTES
from genapps.api.reasons import Reason
from genapps.core.desired.parts import PART_BYTES, split
from genapps.core.observed import Bundle, Snapshotted, SourceProblem
from genapps.core.verdict import Mode
from tests.unit.core.revising import answer, crash, replace_pod, results, runs
from tests.unit.core.world import CHILD, World, app, budget

IMAGE = "sha256:" + "a" * 64
SPEC = {"code": {"source": {"inline": None, "image": {"reference": f"registry.example/finance/app@{IMAGE}"}}}}
ALLOWED = budget({"policy": {"imageRegistries": ["registry.example/finance"]}})
LARGE = b"0" * (PART_BYTES // 2 + 1)
"""Two of it do not fit into one part."""


def bundle(marker: str, large: int = 3) -> Bundle:
    files = {"app.py": f"# {marker}\n".encode(), "public/index.html": b"<p>"}
    return Bundle("app.py", files | {f"public/{number}.js": LARGE for number in range(large)}, IMAGE)


def world(source: Any) -> World:
    return World(app=app(SPEC), budget=ALLOWED, others={"source": source})


def switch(running: World, source: Any) -> None:
    running.others["source"] = source
    replace_pod(running)


def code_maps(running: World) -> set[str]:
    return {name for kind, name in running.children if kind == "ConfigMap" and "-code-" in name}


def parts(digest: str, count: int) -> set[str]:
    return set(names.code_snapshot_names(CHILD, digest, count))


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"app.py": b"", "b.py": b""}, None),
        ({"app.py": b"0" * PART_BYTES}, None),
        ({"a.py": b"0" * PART_BYTES, "b.py": b"0"}, (("a.py",), ("b.py",))),
        ({"a.py": b"0", "b.py": b"0" * PART_BYTES}, (("a.py",), ("b.py",))),
        ({"app.py": b"0" * FILE_BYTES}, (("app.py",),)),
        ({"app.wasm": b"0" * (FILE_BYTES + 1), "b": b""}, (("app.wasm/0", "b"), ("app.wasm/1",))),
        ({"app.py": b"", "pkg/b.py": b""}, (("app.py", "pkg/b.py"),)),
        ({"b/1": LARGE, "a.py": LARGE, "b/0": b""}, (("a.py", "b/0"), ("b/1",))),
        ({"a": b"1", "b/large": b"0" * PART_BYTES, "c": b"2"}, (("a", "c"), ("b/large",))),
    ],
    ids=[
        "flat",
        "flat and full",
        "one byte more",
        "before it",
        "one large file",
        "pieces",
        "a folder",
        "sorted",
        "around one",
    ],
)
def test_files_are_spread_over_few_parts(files: dict[str, bytes], wanted: Any) -> None:
    assert split(files) == wanted


@given(st.lists(st.integers(0, FILE_BYTES), max_size=60))
def test_no_bundle_has_more_parts_than_a_record_can_name(sizes: list[int]) -> None:
    total, files = 0, {"a/b": b""}
    for number, size in enumerate(sizes):
        total += size
        if total <= BUNDLE_BYTES:
            files[f"a/{number:03}"] = bytes(size)
    found = split(files)
    assert found is not None
    assert sorted(path for part in found for path in part) == sorted(files)
    assert all(part for part in found)
    assert len(found) <= 19


def test_a_pod_mounts_every_file_at_its_path() -> None:
    running = world(bundle("one")).run()
    volume = next(one for one in running.manifests["Pod", CHILD]["spec"]["volumes"] if one["name"] == "code")
    digest = runs(running)
    first, second = names.code_snapshot_names(CHILD, digest, 3)[:2]
    assert volume["projected"]["sources"][0]["configMap"] == {
        "name": first,
        "items": [
            {"key": "0-app.py", "path": "app.py"},
            {"key": "1-0.js", "path": "public/0.js"},
            {"key": "2-index.html", "path": "public/index.html"},
        ],
    }
    assert running.manifests["ConfigMap", first]["data"]["0-app.py"] == "# one\n"
    notes = running.manifests["ConfigMap", second]["metadata"]["annotations"]
    assert notes[names.ANNOTATION_FILES] == "public/1.js"
    assert notes[names.ANNOTATION_CODE_PARTS] == "3"
    assert names.ANNOTATION_IMAGE_DIGEST not in notes, "the first part tells of the image"
    assert code_maps(running) == parts(digest, 3)


def test_a_record_says_how_many_parts_there_are_and_nothing_of_code_in_one() -> None:
    running = world(bundle("one")).run()
    assert running.record
    assert running.record.revision
    assert running.record.revision.code_parts == 3
    assert [kept.code_parts for kept in running.record.revisions] == [3]
    flat = World().run()
    assert flat.record
    assert "codeParts" not in str(flat.record.model_dump(by_alias=True, exclude_none=True))


def test_without_the_files_at_hand_the_same_pod_is_made() -> None:
    running = world(bundle("one")).run()
    made = running.manifests["Pod", CHILD]
    for source in (Snapshotted("app.py", runs(running), 3), SourceProblem(Reason.SOURCE_UNAVAILABLE, "gone")):
        running.others["source"] = source
        assert running.plan() == ()
        running.pod_is_gone()
        running.settle()
        assert running.manifests["Pod", CHILD] == made
        answer(running)


def test_old_revisions_go_with_all_their_parts() -> None:
    running = world(bundle("one", 1)).run()
    for number in range(6):
        switch(running, bundle(f"number {number}", 1))
        answer(running)
    assert running.record
    assert code_maps(running) == {
        name for kept in running.record.revisions for name in parts(kept.code_digest, kept.code_parts or 0)
    }
    assert len(running.record.revisions) == 5


def test_a_failed_revision_gives_way_to_one_in_parts() -> None:
    running = world(bundle("one")).run()
    first = runs(running)
    made = running.manifests["Pod", CHILD]["spec"]["volumes"]
    switch(running, Bundle("app.py", {"app.py": b"# flat\n"}, IMAGE))
    crash(running)
    replace_pod(running)
    answer(running)
    assert runs(running) == first
    assert running.manifests["Pod", CHILD]["spec"]["volumes"] == made
    assert results(running) == ["Running", "Failed"]


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_revision_of_which_a_part_is_gone_is_not_returned_to(left: int) -> None:
    running = world(bundle("one")).run()
    first = runs(running)
    switch(running, Bundle("app.py", {"app.py": b"# flat\n"}, IMAGE))
    del running.children["ConfigMap", names.code_snapshot_names(CHILD, first, 3)[left]]
    crash(running, "Error", own=False)
    running.later(minutes=3)
    running.settle()
    assert running.pod
    assert not running.pod.deleting, "there is nothing to return to"
    assert runs(running) != first


@pytest.mark.parametrize("change", [{"files": ""}, {"deleting": True}], ids=["paths unknown", "deleted"])
def test_code_of_which_a_part_cannot_be_mounted_is_stopped_when_nobody_has_it(change: dict[str, Any]) -> None:
    running = world(bundle("one")).run()
    key = "ConfigMap", names.code_snapshot_names(CHILD, runs(running), 3)[1]
    running.children[key] = replace(running.children[key], **change)
    assert running.verdict().mode is Mode.RUN, "the files are at hand"
    running.others["source"] = SourceProblem(Reason.SOURCE_UNAVAILABLE, "gone")
    assert running.verdict().mode is Mode.STOP


def test_a_record_from_before_there_were_parts_names_one_config_map() -> None:
    running = World().run()
    assert running.record
    raw = running.record.model_dump(by_alias=True, exclude_none=True, mode="json")
    running.record = type(running.record).model_validate(raw)
    assert running.record.revisions[0].code_parts is None
    assert running.plan() == ()


def test_a_bundle_that_is_spread_otherwise_by_now_is_the_same_revision() -> None:
    running = world(bundle("one")).run()
    assert running.record
    assert running.record.revision
    old = {"code_parts": None}
    kept: KeptRevision = running.record.revisions[0]
    revision = running.record.revision.model_copy(update=old)
    running.record = running.record.model_copy(
        update={"revision": revision, "revisions": (kept.model_copy(update=old),)}
    )
    running.settle()
    assert running.record.revision
    assert running.record.revision.code_parts == 3
    assert [one.code_parts for one in running.record.revisions] == [3]


def test_no_more_parts_are_kept_than_etcd_should_hold() -> None:
    running = world(bundle("one", 16)).run()
    for number in range(4):
        switch(running, bundle(f"number {number}", 10))
        answer(running)
    assert running.record
    assert sum(kept.code_parts or 1 for kept in running.record.revisions) <= PARTS_KEPT
    assert results(running) == ["Superseded", "Starting"]
    assert len(code_maps(running)) == 20


def test_the_running_and_the_last_good_revision_are_kept_however_large_they_are() -> None:
    running = world(bundle("one", 16)).run()
    first = runs(running)
    for number in range(3):
        switch(running, bundle(f"number {number}", 16))
        crash(running)
        replace_pod(running)
        answer(running)
        assert runs(running) == first
        assert results(running) == ["Running", "Failed"], "it is not tried again"
