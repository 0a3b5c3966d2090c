# SPDX-License-Identifier: Apache-2.0
"""`genapps check` on JavaScript: in files, manifests and standard input."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from genapps.cli.main import main
from tests.unit.cli.test_check import BUDGET, CONFIG_MAP, FROM_CONFIG_MAP, GOOD, run, written


def test_a_file_of_javascript(tmp_path: Path) -> None:
    path = written(tmp_path / "todo.mjs", "\nimport axios from 'axios'\n")
    code, lines = run(path)
    assert code == 1
    assert lines[0].startswith(f"{path}:2: ModuleNotAvailable: Module not available to apps: axios (app.js, line 2).")
    assert run("-", "--entry", "app.js", given="import 'left-pad'")[1][0].startswith("<stdin>:1: ModuleNotAvailable: ")
    assert run(written(path, "export default {}\n")) == (0, ["Nothing found."])


def test_javascript_in_a_config_map_is_found_by_its_entry(tmp_path: Path) -> None:
    text = CONFIG_MAP[: CONFIG_MAP.index("  words.py")] + "  app.js: |\n    export * from './words.js'\n"
    path = written(tmp_path / "code.yaml", text)
    assert run(path)[1][0].startswith(f"{path}:9: ModuleNotAvailable: ")
    app = FROM_CONFIG_MAP.replace("language: python", "language: javascript").replace("app.py", "app.js")
    _, lines = run(written(tmp_path / "app.yaml", app), path)
    assert [line for line in lines if line.startswith(f"{path}:9: ModuleNotAvailable: ")]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("await import('pg')", "line 2: import('pg') fails where it is called. Keep data with"),
        ("await import('./a.js')", "line 2: import('./a.js') fails where it is called. The bundle has no file a.js."),
        ("let a = b => require('fs')", "line 2: require('fs') fails where it is called. Apps are ES modules"),
        ("eval(a)", "line 2: eval(...) fails where it is called. Apps make no code from text."),
        ("new Function(a)", "line 2: Function(...) fails where it is called."),
        ("await import('./app.js')", ""),
    ],
)
def test_calls_that_fail_in_javascript_are_notes(tmp_path: Path, source: str, says: str) -> None:
    path = written(tmp_path / "app.js", f"\n{source}\n")
    result = CliRunner().invoke(main, ["check", str(path)])
    assert (result.exit_code, result.stdout) == (0, "Nothing found.\n")
    assert f"{path}:2: FailsWhenCalled: app.js, {says}" in result.stderr if says else not result.stderr


def test_a_budget_without_javascript_is_told(tmp_path: Path) -> None:
    app = written(tmp_path / "app.yaml", GOOD.replace("language: python", "language: javascript"))
    allowed = BUDGET.read_text(encoding="utf-8")
    assert run(app, "--budget", BUDGET) == (0, ["Nothing found."])
    narrow = written(
        tmp_path / "budget.yaml", allowed.replace("languages: [python, javascript]", "languages: [python]")
    )
    code, lines = run(app, "--budget", narrow)
    assert code == 1
    assert lines[0].startswith(f"{app}:12: LanguageNotAllowed: ")
