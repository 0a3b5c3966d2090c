# SPDX-License-Identifier: Apache-2.0
"""Examples in pages are valid: manifests fit their models, code passes the scan that the operator makes."""

import json
from typing import Any

import pytest
import yaml

from genapps.api.crd import root_schema
from genapps.api.kinds import KINDS
from genapps.cli.bundle.lock import read_lock
from genapps.core.code.scan import scan_python
from tests.support.markdown import ROOT, Block, blocks, pages

BLOCKS = [block for page in pages() for block in blocks(page)]
BY_KIND = {kind.name: kind for kind in KINDS}
IN_FILES = [
    Block(str(path.relative_to(ROOT)), "yaml", path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "examples").glob("*.yaml"))
]


def ids(block: Block) -> str:
    return f"{block.page}: {block.text.strip().splitlines()[0]}"


def documents(block: Block) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(block.text) if document]


def fields(schema: dict[str, Any]) -> set[str]:
    return set(schema.get("properties", {}))


YAML = [block for block in BLOCKS if block.language in ("yaml", "yml")] + IN_FILES


@pytest.mark.parametrize("block", YAML, ids=ids)
def test_a_manifest_fits_its_model(block: Block) -> None:
    for document in documents(block):
        if kind := BY_KIND.get(document.get("kind", "")):
            model = kind.model.model_validate(document)
            # What a model gives back is what it has understood: a field that it would ignore is missing.
            given = json.loads(json.dumps(document["spec"], default=str))
            stored = model.model_dump(by_alias=True, exclude_unset=True, mode="json")["spec"]
            assert set(stored) == set(given)


@pytest.mark.parametrize("block", YAML, ids=ids)
def test_a_fragment_names_fields_that_exist(block: Block) -> None:
    specs = [root_schema(kind)["properties"].get("spec", {}) for kind in KINDS]
    values = yaml.safe_load((ROOT / "charts/genapps/values.yaml").read_text(encoding="utf-8"))
    known = {"spec", *values}.union(*(fields(spec) for spec in specs))
    for document in documents(block):
        if "kind" not in document:
            assert set(document) <= known


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python"], ids=ids)
def test_code_in_a_page_passes_the_scan(block: Block) -> None:
    assert scan_python("app.py", {"app.py": block.text.encode()}) is None


@pytest.mark.parametrize("block", YAML, ids=ids)
def test_code_in_a_manifest_passes_the_scan(block: Block) -> None:
    for document in documents(block):
        if document.get("kind") == "GeneratedApp" and "inline" in document["spec"]["code"]["source"]:
            source = document["spec"]["code"]["source"]["inline"]
            assert scan_python("app.py", {"app.py": source.encode()}) is None


def test_the_example_vendors_what_the_tests_vendor() -> None:
    """The environment of the tests has the version that the example's lock names, by the same hashes."""
    lock, ours = (
        read_lock((ROOT / path).read_text(encoding="utf-8"))
        for path in ("examples/markdown-page/requirements.txt", "locks/dev.txt")
    )
    assert {name: pins[0].hashes for name, pins in lock.items()} == {"markdown": ours["markdown"][0].hashes}
