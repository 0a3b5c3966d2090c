# SPDX-License-Identifier: Apache-2.0
"""One list of modules: what the operator accepts, what the engine imports, and what the guide promises."""

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml

from genapps.api.modules import PYTHON_MODULES, SDK, WORKERS
from genapps.core.code.scan import scan_python
from tests.runtime.rejected import REJECTED

ROOT = Path(__file__).resolve().parents[2]


def _contract() -> list[str]:
    listed: list[str] = json.loads((ROOT / "docs" / "contracts" / "python-modules.json").read_text(encoding="utf-8"))
    return listed


def test_the_operator_accepts_the_modules_of_the_contract() -> None:
    assert list(PYTHON_MODULES) == _contract()


def test_the_engine_has_the_modules_of_the_contract() -> None:
    engine = ROOT / "runtime-image" / "engines" / "python"
    spec = spec_from_file_location("engine_bundle", engine / "bundle.py")
    assert spec is not None
    assert spec.loader is not None
    bundle = module_from_spec(spec)
    spec.loader.exec_module(bundle)
    assert list(bundle.MODULES) == _contract()
    assert (engine / SDK / "__init__.py").is_file()
    assert {SDK, WORKERS} <= bundle._ALLOWED
    assert scan_python("app.py", {"app.py": b"from workers import Response, WorkerEntrypoint\n"}) is None


def test_the_guide_lists_the_modules_of_the_contract() -> None:
    section = (ROOT / "docs" / "writing-apps.md").read_text(encoding="utf-8").partition("## Modules")[2]
    assert re.findall(r"`([a-zA-Z_.0-9]+)`", section.split("\n\n")[2]) == _contract()


@pytest.mark.parametrize(("source", "reason"), [(row[1], row[2]) for row in REJECTED], ids=[row[0] for row in REJECTED])
def test_the_operator_refuses_nothing_that_the_runtime_accepts(source: str, reason: str) -> None:
    found = scan_python("app.py", {"app.py": source.encode()})
    assert found is None or found.reason.value == reason


@pytest.mark.parametrize("name", ["csv-summary", "curious", "text-diff", "unit-converter"])
def test_the_operator_accepts_the_examples(name: str) -> None:
    source = yaml.safe_load((ROOT / "examples" / f"{name}.yaml").read_text(encoding="utf-8"))["spec"]["code"]["source"]
    assert scan_python("app.py", {"app.py": source["inline"].encode()}) is None
