# SPDX-License-Identifier: Apache-2.0
"""What `genapps dev` is named: code, a project, a manifest; and what of it is refused, in the platform's words."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from genapps.api.appbudget import Tier
from genapps.api.bundles import BUNDLE_FILES
from genapps.laptop.named import Named, SourceError, name_of
from genapps.laptop.source import manifest_of, read_app

APP = "from genapps import app\n\n\n@app.get('/')\ndef hello(request):\n    return 'hello'\n"
CONNECTOR = {
    "apiVersion": "genapps.dev/v1alpha1",
    "kind": "Connector",
    "metadata": {"name": "rates"},
    "spec": {
        "type": "HTTP",
        "endpoint": {"url": "https://rates.example.com"},
        "namespaces": ["finance"],
        "tools": [{"name": "latest", "effect": "Read", "method": "GET", "path": "/latest"}],
    },
}
BUDGET = {
    "apiVersion": "genapps.dev/v1alpha1",
    "kind": "AppBudget",
    "metadata": {"name": "finance"},
    "spec": {
        "businessUnit": "finance",
        "namespaces": ["finance"],
        "tiers": {"small": {"guestMemory": "48Mi"}, "large": {"guestMemory": "256Mi"}},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "My App"
    made.mkdir()
    (made / "app.py").write_text(APP)
    return made


def written(path: Path, *objects: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump_all(objects))
    return path


def refused(named: Named) -> str:
    with pytest.raises(SourceError) as found:
        read_app(named)
    return str(found.value)


def test_a_folder_with_code_is_an_app_of_its_name(folder: Path) -> None:
    found = read_app(Named(folder), ["rates"])
    assert (found.app.metadata.name, found.app.metadata.namespace) == ("my-app", "laptop")
    assert found.app.spec.envelope.connectors == ("rates",)
    assert (found.bundle.entry, dict(found.bundle.files)) == ("app.py", {"app.py": APP.encode()})
    assert found.tier.guest_memory == Tier().guest_memory
    assert "defaults of a tier" in found.notes[-1]


def test_a_file_is_an_app_of_the_name_of_its_folder(folder: Path) -> None:
    assert read_app(Named(folder / "app.py")).app.metadata.name == "my-app"
    assert name_of(Path("tools/Rate Table.py")) == "rate-table"
    assert name_of(Path("---.py")) == "app"


def test_javascript_is_told_by_its_ending(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("export default {}\n")
    assert read_app(Named(tmp_path)).app.spec.code.language == "javascript"


def test_a_project_has_its_manifest_and_its_code_apart(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(APP)
    manifest = manifest_of("greeter", "python", ["rates"])
    manifest["spec"]["workloadClass"] = "batch"
    written(tmp_path / "manifest.yaml", manifest)
    (tmp_path / "test_app.py").write_text("import pytest\n")
    found = read_app(Named(tmp_path))
    assert (found.app.metadata.name, found.app.spec.workload_class) == ("greeter", "batch")
    assert set(found.bundle.files) == {"app.py"}


def test_a_project_says_nothing_of_where_its_code_is(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text(APP)
    written(tmp_path / "manifest.yaml", manifest_of("greeter", "python", [], "x = 1"))
    assert "leave out spec.code.source: the code is in the folder app" in refused(Named(tmp_path))
    written(tmp_path / "manifest.yaml", CONNECTOR)
    assert "must hold one GeneratedApp" in refused(Named(tmp_path))


def test_a_manifest_with_inline_code_is_run_as_it_is(tmp_path: Path) -> None:
    manifest = manifest_of("greeter", "python", [], APP)
    manifest["metadata"]["namespace"] = "finance"
    found = read_app(Named(written(tmp_path / "x.yaml", manifest)))
    assert (found.app.metadata.namespace, found.bundle.files) == ("finance", {"app.py": APP.encode()})


def test_a_manifest_with_two_apps_or_none_is_refused(tmp_path: Path) -> None:
    manifest = manifest_of("greeter", "python", [], APP)
    assert "holds 2 GeneratedApps" in refused(Named(written(tmp_path / "x.yaml", manifest, manifest)))
    assert "holds 0 GeneratedApps" in refused(Named(written(tmp_path / "x.yaml", BUDGET)))


def test_a_manifest_is_refused_as_by_the_api_server_with_the_line(tmp_path: Path) -> None:
    manifest = manifest_of("Greeter", "python", [], APP)
    assert re.search(
        r"x\.yaml:4: .*metadata\.name: use at most 63", refused(Named(written(tmp_path / "x.yaml", manifest)))
    )
    manifest["spec"]["colour"] = "red"
    assert "x.yaml:12: FieldUnknown: spec.colour" in refused(Named(written(tmp_path / "x.yaml", manifest)))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import requests\n", "app.py:1: ModuleNotAvailable"),
        ("x = 1\ndef f(:\n", "app.py:2: CodeRejected"),
    ],
)
def test_code_that_cannot_load_is_refused_with_file_and_line(folder: Path, source: str, said: str) -> None:
    (folder / "app.py").write_text(source)
    assert said in refused(Named(folder))


def test_a_bundle_that_is_too_large_is_refused(folder: Path) -> None:
    for number in range(BUNDLE_FILES):
        (folder / f"f{number}.txt").write_text("")
    assert f"more than {BUNDLE_FILES} files" in refused(Named(folder))


def test_node_modules_and_what_tools_leave_are_no_part_of_an_app(folder: Path) -> None:
    for name in ("node_modules", ".venv", ".git", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / "x.txt").write_text("")
    assert set(read_app(Named(folder)).bundle.files) == {"app.py"}


def test_a_folder_without_an_entry_and_a_path_that_is_gone_are_refused(tmp_path: Path) -> None:
    assert "has no file 'app.py'" in refused(Named(tmp_path))
    assert "gone" in refused(Named(tmp_path / "gone.py"))


def test_a_tier_is_that_of_the_budget(folder: Path, tmp_path: Path) -> None:
    budget = written(tmp_path / "budget.yaml", BUDGET)
    assert read_app(Named(folder, budget=budget)).tier.guest_memory == "48Mi"
    assert read_app(Named(folder, budget=budget, tier="large")).tier.guest_memory == "256Mi"
    assert "no tier 'huge' (it has: large, small)" in refused(Named(folder, budget=budget, tier="huge"))
    assert "name its manifest with --budget" in refused(Named(folder, tier="large"))


def test_a_connector_is_granted_to_an_app_without_a_namespace_only(folder: Path, tmp_path: Path) -> None:
    connector = written(tmp_path / "rates.yaml", CONNECTOR)
    found = read_app(Named(folder, connectors=(connector,)))
    assert found.app.spec.envelope.connectors == ("rates",)
    assert "laptop" in found.connectors["rates"].spec.namespaces
    manifest = manifest_of("greeter", "python", ["rates"], APP)
    manifest["metadata"]["namespace"] = "sales"
    named = Named(written(tmp_path / "x.yaml", manifest), connectors=(connector,))
    assert "rates" in refused(named)


def test_a_connector_manifest_that_is_none_or_is_faulty_is_refused(folder: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "none.yaml"
    nothing.write_text("a: 1\n")
    assert "holds no AppBudget and no Connector" in refused(Named(folder, connectors=(nothing,)))
    faulty = {**CONNECTOR, "spec": {**CONNECTOR["spec"], "type": "FTP"}}  # type: ignore[dict-item]
    assert "spec.type" in refused(Named(folder, connectors=(written(tmp_path / "x.yaml", faulty),)))


def test_tenancy_is_left_out_and_said(tmp_path: Path) -> None:
    manifest = manifest_of("greeter", "python", [], APP)
    manifest["spec"]["tenancy"] = {"jwt": {"issuer": "https://id.example.com", "audience": "a", "claim": "tid"}}
    found = read_app(Named(written(tmp_path / "x.yaml", manifest)))
    assert found.app.spec.tenancy is None
    assert "one tenant" in found.notes[0]


def test_a_file_of_another_kind_says_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "app.rb").write_text("puts 1")
    with pytest.raises(SourceError, match=r"app\.rb: name a folder, or a file that ends in \.js, "):
        read_app(Named(tmp_path / "app.rb"))
