# SPDX-License-Identifier: Apache-2.0
"""Apps whose code is an image: which registries, what is said while it is fetched, and what outlives the registry."""

from typing import Any

import pytest

from genapps.api import names
from genapps.api.appbudget import AppBudget
from genapps.api.digests import bundle_digest
from genapps.api.reasons import Reason
from genapps.core.code.registries import may_pull, registry_allowed
from genapps.core.code.source import from_image
from genapps.core.observed import Bundle, Snapshotted, SourceProblem
from genapps.core.verdict import Mode
from tests.unit.core.world import CHILD, PLATFORM, World, app, budget

IMAGE = "sha256:" + "a" * 64
FILES = {"main.py": b"import math\n"}
CODE = bundle_digest("main.py", FILES)
SPEC = {"code": {"source": {"inline": None, "image": {"reference": f"registry.example/finance/app@{IMAGE}"}}}}
ALLOWED = budget({"policy": {"imageRegistries": ["registry.example/finance"]}})
PENDING = SourceProblem(Reason.SOURCE_PENDING, "The code is being fetched from its registry.")
UNAVAILABLE = SourceProblem(Reason.SOURCE_UNAVAILABLE, "Image registry.example/app: it does not answer.")


def world(source: Any, spec: dict[str, Any] | None = None) -> World:
    return World(app=app(spec or SPEC), budget=ALLOWED, others={"source": source})


def pulled() -> World:
    return world(Bundle("main.py", FILES, IMAGE))


@pytest.mark.parametrize(
    ("entry", "reference", "allowed"),
    [
        ("registry.example", "registry.example/app", True),
        ("registry.example/team", "registry.example/team/app", True),
        ("registry.example/team", "registry.example/team/sub/app", True),
        ("registry.example/team/app", "registry.example/team/app", True),
        ("registry.example:5000", "registry.example:5000/app", True),
        ("registry.example/team", "registry.example/team-b/app", False),
        ("registry.example/team", "registry.example/other/team/app", False),
        ("registry.example", "registry.example.evil.net/app", False),
        ("registry.example", "registry.example:5000/app", False),
        ("registry.example:5000", "registry.example/app", False),
        ("example", "registry.example/app", False),
    ],
)
def test_an_allowed_registry_ends_where_a_segment_ends(entry: str, reference: str, allowed: bool) -> None:
    policy = budget({"policy": {"imageRegistries": ["elsewhere.example", entry]}})
    assert registry_allowed(f"{reference}@{IMAGE}", policy) is allowed


def test_no_registry_is_allowed_unless_the_budget_names_it() -> None:
    assert registry_allowed(f"registry.example/app@{IMAGE}", budget()) is False


@pytest.mark.parametrize(
    ("granting", "namespace", "allowed"),
    [
        pytest.param(ALLOWED, "finance", True, id="a budget that grants the namespace and names the registry"),
        pytest.param(ALLOWED, "sales", False, id="a budget of other namespaces"),
        pytest.param(budget(), "finance", False, id="a budget that names no registry"),
        pytest.param(None, "finance", False, id="no budget"),
        pytest.param(
            budget({"namespaces": ["genapps-run"], "policy": {"imageRegistries": ["registry.example"]}}),
            "genapps-run",
            False,
            id="a budget that lists a run namespace",
        ),
    ],
)
def test_a_registry_is_asked_only_for_a_namespace_whose_budget_allows_it(
    granting: AppBudget | None, namespace: str, allowed: bool
) -> None:
    assert may_pull(f"registry.example/finance/app@{IMAGE}", namespace, granting, PLATFORM) is allowed


def test_while_the_code_is_fetched_the_app_is_on_its_way() -> None:
    fetching = world(PENDING)
    fetching.settle()
    assert fetching.condition("Ready") == ("False", "SourcePending")
    assert fetching.condition("Reconciling") == ("True", "SourcePending")
    assert fetching.condition("Stalled")[0] == "False"
    assert fetching.condition("CodeVerified") == ("Unknown", "SourcePending")
    assert fetching.children == {}


def test_a_registry_that_does_not_answer_stalls_a_new_app() -> None:
    stalled = world(UNAVAILABLE)
    stalled.settle()
    assert stalled.condition("Stalled") == ("True", "SourceUnavailable")
    assert stalled.condition("CodeVerified") == ("False", "SourceUnavailable")
    assert stalled.condition("Reconciling")[0] == "False"
    stalled.others["source"] = Bundle("main.py", FILES, IMAGE)
    stalled.run()
    assert stalled.condition("Ready") == ("True", "Available")


@pytest.mark.parametrize("source", [PENDING, UNAVAILABLE], ids=["pending", "unavailable"])
def test_a_running_app_runs_on_while_its_next_image_is_not_there(source: SourceProblem) -> None:
    running = pulled().run()
    writes = [write for write in running.writes if write == "Pod"]
    other = {"code": {"source": {"image": {"reference": f"registry.example/finance/app@sha256:{'b' * 64}"}}}}
    running.app = app({"code": {"source": {"inline": None, **other["code"]["source"]}}}, {"generation": 2})
    running.others["source"] = source
    running.settle()
    assert running.condition("Ready") == ("True", "Available")
    assert running.condition("Reconciling")[0] == "True"
    assert running.condition("CodeVerified") == ("False" if source is UNAVAILABLE else "Unknown", source.reason.value)
    assert [write for write in running.writes if write == "Pod"] == writes


def test_the_snapshot_tells_which_image_it_was_taken_of() -> None:
    running = pulled().run()
    snapshot = running.manifests["ConfigMap", names.code_snapshot_names(CHILD, CODE, None)[0]]
    assert snapshot["data"] == {"main.py": "import math\n"}
    notes = snapshot["metadata"]["annotations"]
    assert notes[names.ANNOTATION_IMAGE_DIGEST] == IMAGE
    assert notes[names.ANNOTATION_ENTRY] == "main.py"
    assert running.status["codeDigest"] == CODE


def test_with_its_snapshot_an_app_needs_no_registry() -> None:
    running = pulled().run()
    running.others["source"] = Snapshotted("main.py", CODE)
    assert running.plan() == ()
    assert running.verdict().mode is Mode.RUN
    running.settle()
    assert running.condition("CodeVerified") == ("True", "Verified")
    running.pod_is_gone()
    running.settle()
    assert running.pod is not None


def test_a_withdrawn_registry_stops_the_app() -> None:
    running = pulled().run()
    running.budget = budget()
    running.settle()
    assert running.condition("EnvelopeValid") == ("False", "ImageRegistryNotAllowed")
    assert running.verdict().mode is Mode.STOP


@pytest.mark.parametrize(("digest", "mode"), [(IMAGE, Mode.RUN), (CODE, Mode.NOTHING)], ids=["manifest", "another"])
def test_the_digest_of_an_image_is_that_of_its_manifest(digest: str, mode: Mode) -> None:
    spec = {"code": {"digest": digest, **SPEC["code"]}}
    assert world(Bundle("main.py", FILES, IMAGE), spec).verdict().mode is mode


def test_a_suspension_follows_the_files_and_not_the_manifest() -> None:
    image, inline = Bundle("app.py", FILES, IMAGE), Bundle("app.py", FILES)
    assert image.digest == inline.digest


@pytest.mark.parametrize(
    ("named", "files", "entry"),
    [("main.py", FILES, "main.py"), (None, {"app.py": b""}, "app.py"), (None, FILES, None), ("x.py", FILES, None)],
    ids=["named", "usual", "missing", "named and missing"],
)
def test_the_entry_is_the_annotated_one_or_the_usual_one(
    named: str | None, files: dict[str, bytes], entry: str | None
) -> None:
    code = app(SPEC).spec.code
    assert code.source.image is not None
    found = from_image(code, code.source.image, named, files)
    if entry is None:
        assert isinstance(found, SourceProblem)
        assert found.reason is Reason.SOURCE_INVALID
        assert "dev.genapps.entry" in found.message
    else:
        assert found == Bundle(entry, files, IMAGE)
