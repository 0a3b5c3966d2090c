# SPDX-License-Identifier: Apache-2.0
"""`genapps guide` prints a page that says what this version has."""

import re
from pathlib import Path

import yaml
from click.testing import CliRunner

from genapps.api.modules import LIMITED, PACKAGES, PYTHON_MODULES
from genapps.cli.main import main
from genapps.core.code.javascript.scan import scan_javascript
from genapps.core.code.scan import scan_python
from tests.unit.laptop.test_source import BUDGET, CONNECTOR


def said(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["guide", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_every_example_can_be_loaded() -> None:
    found = examples(said())
    assert len(found) == 3
    for code in found:
        assert scan_python("app.py", {"app.py": code.encode()}) is None


def test_every_module_at_the_top_and_every_replacement_is_named() -> None:
    page = said()
    (listed,) = re.findall(r"^(__future__.*)\.$", page, re.MULTILINE)
    assert listed.split(", ") == [name for name in PYTHON_MODULES if "." not in name]
    assert all(f"- `{name}`: {limit}" in page for name, limit in LIMITED.items())
    assert all(re.search(rf"\b{re.escape(name)}\b.*: ", page) for name in PACKAGES)


def test_the_limits_are_those_of_the_tier(tmp_path: Path) -> None:
    assert "| CPU time of a request | 500 ms |" in said()
    assert "| memory of an instance | 64Mi |" in said()
    budget = tmp_path / "budget.yaml"
    budget.write_text(yaml.safe_dump(BUDGET))
    assert "| memory of an instance | 256Mi |" in said("--budget", budget, "--tier", "large")
    assert "it has: large, small" in said("--budget", budget, code=1)
    assert "it has: large, small" in said("--budget", budget, "--tier", "huge", code=1)
    assert "name its manifest with --budget" in said("--tier", "large", code=1)


def test_the_tools_of_connectors_are_there_with_their_types(tmp_path: Path) -> None:
    assert "No connector is granted to this app" in said()
    manifest = tmp_path / "rates.yaml"
    manifest.write_text(yaml.safe_dump(CONNECTOR))
    page = said("--connector-manifest", manifest)
    assert "Granted are the tools of rates" in page
    assert "async def latest(arguments: dict[str, Any]) -> Any:" in examples(page)[-1]
    assert scan_python("app.py", {"app.py": examples(page)[-1].encode()}) is None
    assert said("--connector-manifest", manifest) == page


def test_what_is_no_connector_is_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "rates.yaml"
    manifest.write_text(yaml.safe_dump(BUDGET))
    assert "holds no Connector" in said("--connector-manifest", manifest, code=1)
    manifest.write_text(yaml.safe_dump({**CONNECTOR, "spec": {**CONNECTOR["spec"], "type": "FTP"}}))  # type: ignore[dict-item]
    assert "spec.type" in said("--connector-manifest", manifest, code=1)
    assert "No such file" in said("--connector-manifest", tmp_path / "gone.yaml", code=1)


def test_the_page_for_javascript_has_examples_that_load_and_tools_of_env(tmp_path: Path) -> None:
    manifest = tmp_path / "rates.yaml"
    manifest.write_text(yaml.safe_dump(CONNECTOR))
    page = said("--language", "javascript", "--connector-manifest", manifest)
    found = re.findall(r"^```javascript\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(found) == 3
    assert all(scan_javascript("app.js", {"app.js": code.encode()}) is None for code in found)
    assert '  "RATES": RatesTools;' in page
    assert '  "latest"(args?: Record<string, unknown>): Promise<unknown>;' in page
    assert "express" in page
