# SPDX-License-Identifier: Apache-2.0
"""The limits in the page for code generators are those of the runtime and of the engine."""

import ast
from pathlib import Path

from genapps.laptop import guide_limits
from genapps_runtime.guest import turns
from genapps_runtime.logs import RECORDS
from genapps_runtime.serve import limits
from genapps_runtime.state import sql_rules

ENGINE = Path(__file__).resolve().parents[2] / "runtime-image" / "engines" / "python"


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
