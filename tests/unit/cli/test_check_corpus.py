# SPDX-License-Identifier: Apache-2.0
"""What `genapps check` says of the apps in tests/runtime/corpus, which all run."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from genapps.cli.main import main

CORPUS = Path(__file__).resolve().parents[2] / "runtime" / "corpus"


ALONE = sorted(entry for entry in CORPUS.glob("*/*/app.py") if entry.parents[1].name != "flask")  # it is vendored


@pytest.mark.parametrize("entry", ALONE, ids=lambda entry: entry.parent.name)
def test_an_app_that_runs_is_found_good(entry: Path) -> None:
    told = CliRunner().invoke(main, ["check", str(entry)])
    assert (told.exit_code, told.output) == (0, "Nothing found.\n")


@pytest.mark.parametrize("original", sorted(CORPUS.glob("*/*/flask_original.py")), ids=lambda path: path.parent.name)
def test_flask_itself_is_refused_with_what_to_write(original: Path) -> None:
    told = CliRunner().invoke(main, ["check", str(original)])
    assert told.exit_code == 1
    assert "flask (app.py, line 1). Flask runs when it is vendored" in told.output
