# SPDX-License-Identifier: Apache-2.0
"""`genapps connector diff`, and faults of contracts in `genapps check`."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from genapps.cli.main import main
from tests.unit.core.contracts.connectors import LATEST, tool

BASE: dict[str, Any] = {"type": "HTTP", "endpoint": {"url": "https://rates.example.com"}, "namespaces": ["finance"]}


def manifest(*tools: dict[str, Any], **spec: Any) -> str:
    content = BASE | {"tools": [*tools] or [LATEST]} | spec
    whole = {"apiVersion": "genapps.dev/v1alpha1", "kind": "Connector", "metadata": {"name": "fx-rates"}}
    return yaml.safe_dump(whole | {"spec": content}, sort_keys=False)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(manifest())
    return old, new


@pytest.mark.parametrize(
    ("new", "code", "output"),
    [
        (manifest(description="Rates"), 0, "Nothing changes for apps.\n"),
        (manifest(tool(timeout="5s")), 0, "narrower: latest.timeout: 10s becomes 5s\n"),
        (manifest(tool(timeout="20s")), 1, "wider: latest.timeout: 10s becomes 20s\n"),
        (manifest(tool(path="/v2/{currency}")), 1, "changed: latest.path: this is another call\n"),
    ],
)
def test_the_exit_code_says_whether_somebody_must_look(
    files: tuple[Path, Path], new: str, code: int, output: str
) -> None:
    files[1].write_text(new)
    result = CliRunner().invoke(main, ["connector", "diff", *map(str, files)])
    assert (result.exit_code, result.output) == (code, output)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (manifest(tool(path="/{nobody}")), ":14: /spec/tools/0/path: the parameter {nobody}"),
        (manifest(type="Other"), "spec.type: Unsupported value: supported values"),
        ("a: 1", "holds 0 Connectors"),
        (f"{manifest()}---\n{manifest()}", "holds 2 Connectors"),
        ("[", "did not find expected"),
    ],
)
def test_what_is_no_valid_connector_is_not_compared(files: tuple[Path, Path], new: str, says: str) -> None:
    files[1].write_text(new)
    result = CliRunner().invoke(main, ["connector", "diff", *map(str, files)])
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_one_side_can_come_from_standard_input(files: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(main, ["connector", "diff", str(files[0]), "-"], input=manifest())
    assert result.exit_code == 0
    gone = CliRunner().invoke(main, ["connector", "diff", str(files[0]), str(files[1])])
    assert (gone.exit_code, "No such file" in gone.stderr) == (2, True)


def test_check_names_the_line_of_a_fault_in_a_contract(files: tuple[Path, Path]) -> None:
    schema = {"type": "object", "properties": {"a/b": {"$ref": "https://example.com/s"}}}
    files[1].write_text(manifest(tool(path="/v1", input=schema)))
    result = CliRunner().invoke(main, ["check", str(files[1])])
    assert result.exit_code == 1
    lines = [line.strip() for line in files[1].read_text().splitlines()]
    line = lines.index("$ref: https://example.com/s") + 1
    assert f"new.yaml:{line}: FieldValueInvalid: /spec/tools/0/input/properties/a~1b/$ref: a ref" in result.output
