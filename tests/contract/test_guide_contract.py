# SPDX-License-Identifier: Apache-2.0
"""The limits in the page for code generators are those of the runtime and of the engine."""

import ast
import math
import re
from pathlib import Path

from genapps.cli.connector.stubs import binding_of
from genapps.laptop import guide_javascript, guide_limits
from genapps_runtime.guest import turns
from genapps_runtime.logs import RECORDS
from genapps_runtime.serve import limits
from genapps_runtime.state import sql_rules

ENGINES = Path(__file__).resolve().parents[2] / "runtime-image" / "engines"
ENGINE = ENGINES / "python"


def constants(file: str) -> dict[str, int]:
    """The numbers at the top of a file of the engine, whose modules run in guests only."""
    found = {}
    for line in ast.parse((ENGINE / file).read_text(encoding="utf-8")).body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            parts = [node for node in ast.walk(line.value) if isinstance(node, ast.expr)]
            if all(isinstance(node, ast.Constant | ast.BinOp) for node in parts):
                code = compile(ast.Expression(line.value), file, "eval")
                found[line.targets[0].id] = eval(code, {"__builtins__": {}})
    return found


def numbers(file: str) -> dict[str, int]:
    """The same of a file of the engine for JavaScript."""
    text = (ENGINES / "javascript" / "genapps" / file).read_text(encoding="utf-8")
    found = re.findall(r"^(?:export )?const ([A-Z_]+) = ([0-9* ]+);", text, re.MULTILINE)
    return {name: math.prod(int(factor) for factor in value.split("*")) for name, value in found}


def test_limits_of_the_engine_for_javascript_are_its_own() -> None:
    state = numbers("state.js")
    assert state["KEY_BYTES"] == guide_limits.KEY_BYTES
    assert state["VALUE_BYTES"] == guide_limits.VALUE_BYTES
    assert state["MOST_LISTED"] == guide_limits.LISTED


def test_globals_of_the_page_are_there_and_names_in_env_are_those_of_the_engine() -> None:
    place = ENGINES / "javascript" / "genapps"
    (members,) = re.findall(
        r"^const members = \{(.*?)\};", (place / "web" / "globals.js").read_text(), re.DOTALL | re.MULTILINE
    )
    assert {*guide_javascript.GLOBALS} <= {*re.findall(r"\w+", members)}
    assert 'connector.toUpperCase().replaceAll("-", "_")' in (place / "connectors.js").read_text()
    assert binding_of("fx-rates") == "FX_RATES"


def test_limits_of_the_runtime_are_its_own() -> None:
    assert (guide_limits.HEADERS, guide_limits.HEADER_BYTES) == (turns.HEADERS, turns.HEADER_BYTES)
    assert guide_limits.LOG_RECORDS == RECORDS
    assert guide_limits.UPLOAD_BYTES == limits.UPLOAD_BYTES
    assert guide_limits.VALUE_BYTES == sql_rules.VALUE_BYTES


def test_limits_of_the_engine_are_its_own() -> None:
    state, tree, forms = constants("genapps/state.py"), constants("stdlib/tree.py"), constants("genapps/forms.py")
    assert state["KEY_BYTES"] == guide_limits.KEY_BYTES
    assert state["VALUE_BYTES"] == guide_limits.VALUE_BYTES
    assert state["MOST_LISTED"] == guide_limits.LISTED
    assert (tree["TMP_BYTES"], tree["TMP_FILES"]) == (guide_limits.TMP_BYTES, guide_limits.TMP_FILES)
    assert forms["FIELDS"] == guide_limits.FORM_FIELDS
