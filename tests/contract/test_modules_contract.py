# SPDX-License-Identifier: Apache-2.0
"""One list of modules: what the operator accepts, what the engine imports, and what the guide promises."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from genapps.api.modules import (
    AVAILABLE,
    FOR_PACKAGES,
    FRAMEWORKS,
    LIMITED,
    PACKAGES,
    PYTHON_MODULES,
    REFUSED,
    SDK,
    WORKERS,
    in_place_of,
)
from genapps.core.code.scan import scan_python
from tests.runtime.rejected import REJECTED

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "runtime-image" / "engines" / "python"


def _contract() -> dict[str, Any]:
    listed: dict[str, Any] = json.loads((ROOT / "docs" / "contracts" / "python-modules.json").read_text())
    return listed


def _engines_list() -> ModuleType:
    spec = spec_from_file_location("engine_listed", ENGINE / "stdlib" / "listed.py")
    assert spec is not None
    assert spec.loader is not None
    listed = module_from_spec(spec)
    spec.loader.exec_module(listed)
    return listed


def test_the_operator_accepts_the_modules_of_the_contract() -> None:
    contract = _contract()
    assert [*AVAILABLE] == contract["available"]
    assert contract["limited"] == LIMITED
    assert contract["refused"] == REFUSED
    assert contract["packages"] == PACKAGES
    assert contract["forPackages"] == [*FOR_PACKAGES]
    assert contract["frameworks"] == [*FRAMEWORKS]


def test_a_module_is_in_one_list_only() -> None:
    lists = [*AVAILABLE, *LIMITED, *REFUSED, *PACKAGES]
    assert len(lists) == len(set(lists))


def test_the_engine_has_the_modules_of_the_contract() -> None:
    assert {*PYTHON_MODULES, *FRAMEWORKS, SDK, WORKERS} == _engines_list().IMPORTABLE
    assert scan_python("app.py", {"app.py": b"from workers import Response, WorkerEntrypoint\n"}) is None
    assert (ENGINE / SDK / "__init__.py").is_file()


@pytest.mark.parametrize(
    "name", [*REFUSED, *PACKAGES, "tkinter.ttk", "sklearn.svm", "_socket", "_a.b", "nothing", "a._b", ""]
)
def test_both_say_the_same_in_place_of_a_module(name: str) -> None:
    assert _engines_list().in_place_of(name) == in_place_of(name)


@pytest.mark.parametrize("name", [*REFUSED, *PACKAGES])
def test_the_operator_refuses_what_the_contract_refuses(name: str) -> None:
    found = scan_python("app.py", {"app.py": f"import {name}\n".encode()})
    assert found is not None
    assert in_place_of(name) in found.message


@pytest.mark.parametrize("name", [*PYTHON_MODULES, *FRAMEWORKS])
def test_the_operator_lets_through_what_the_contract_lists(name: str) -> None:
    assert scan_python("app.py", {"app.py": f"import {name}\nfrom {name} import *\n".encode()}) is None


@pytest.mark.parametrize(("source", "reason"), [(row[1], row[2]) for row in REJECTED], ids=[row[0] for row in REJECTED])
def test_the_operator_refuses_nothing_that_the_runtime_accepts(source: str, reason: str) -> None:
    found = scan_python("app.py", {"app.py": source.encode()})
    assert found is None or found.reason.value == reason


@pytest.mark.parametrize("name", ["csv-summary", "curious", "task-list", "text-diff", "unit-converter"])
def test_the_operator_accepts_the_examples(name: str) -> None:
    source = yaml.safe_load((ROOT / "examples" / f"{name}.yaml").read_text(encoding="utf-8"))["spec"]["code"]["source"]
    assert scan_python("app.py", {"app.py": source["inline"].encode()}) is None
