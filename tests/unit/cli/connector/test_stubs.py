# SPDX-License-Identifier: Apache-2.0
"""`genapps connector stubs`: text that a language takes, whatever names and descriptions a connector has."""

import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mypy import api as mypy

from genapps.api.connector import Connector
from genapps.cli.connector.stubs import stubs
from genapps.cli.main import main
from genapps.core.contracts.faults import contract_faults
from tests.unit.core.contracts.connectors import connector, tool

HERE = Path(__file__).parent
BANK = HERE / "bank.connector.yaml"
ENGINES = HERE.parents[3] / "runtime-image" / "engines" / "mypy.ini"

NAME = "x\"'`${a}*/ \\"
OPEN: dict[str, Any] = {"type": "object", "properties": {"b": {}}}
HOSTILE: dict[str, Any] = {
    "type": "object",
    "required": ["str", "no"],
    "properties": {
        "str": {"type": "string"},
        "list": {"type": "array"},
        "class": {"type": ["integer", "null"]},
        "__a": {"type": "boolean"},
        NAME: {"enum": [NAME, True, None, 3]},
        "é": OPEN,
        "日本": OPEN,
        "map": {"type": "object", "additionalProperties": {"type": "number"}},
        "deep": {"allOf": [{"$ref": "#/$defs/d"}, {"properties": {"z": {"type": "string"}}, "required": ["z"]}]},
        "any": True,
        "no": False,
        "tuple": {"type": "array", "prefixItems": [{"type": "string"}]},
        "union": {
            "oneOf": [{"type": "string"}, {"$ref": "#/$defs/d"}, {"type": "array", "items": {"$ref": "#/$defs/d"}}]
        },
        "const": {"const": 1.5},
        "or": {"type": ["object", "string"], "properties": {"q": {"type": "null"}}},
    },
    "$defs": {"d": {"type": "object", "properties": {"y": {"type": "integer"}}}},
}
TOOLS = ["list", "tools", "class", "ToolsResult", "a-b", "aB", "str", "Any"]


def hostile() -> Connector:
    output = {"type": "array", "items": {"$ref": "#/$defs/i"}, "$defs": {"i": OPEN}}
    tools = [
        tool(name=name, path="/v1", input=HOSTILE, output=output, description='"""*/ \\\nimport os') for name in TOOLS
    ]
    found = connector(*tools, tool(name="none", path="/v1", input=None, output=None))
    assert contract_faults(found) == ()
    return found


@pytest.mark.parametrize(("language", "golden"), [("python", "bank.py.txt"), ("typescript", "bank.ts.txt")])
def test_stubs_are_these(language: str, golden: str) -> None:
    result = CliRunner().invoke(main, ["connector", "stubs", str(BANK), "--language", language])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == (HERE / golden).read_text()


def test_python_is_type_checked_against_the_module_that_apps_import(tmp_path: Path) -> None:
    (tmp_path / "hostile.py").write_text(stubs(hostile(), "python"))
    (tmp_path / "bank.py").write_text((HERE / "bank.py.txt").read_text())
    (tmp_path / "good.py").write_text(
        "import bank\n\n\nasync def pay() -> str:\n    return (await bank.pay({'to': '1234', 'amount': 2}))['at']\n"
    )
    (tmp_path / "bad.py").write_text(
        "import bank\n\n\nasync def pay() -> int:\n    return (await bank.pay({'to': '1234'}))['at']\n"
    )
    output, _, code = mypy.run(["--config-file", str(ENGINES), str(tmp_path)])
    assert code == 1
    assert {line.rpartition("/")[2].split(":")[0] for line in output.splitlines()[:-1]} == {"bad.py"}
    assert 'Missing key "amount"' in output


def test_python_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("genapps")
    module.tools = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "genapps", module)
    found: dict[str, Any] = {}
    exec(compile(stubs(hostile(), "python"), "hostile.py", "exec"), found)
    assert set(found["ToolsArguments"].__annotations__) == set(HOSTILE["properties"]) - {"no"}
    assert found["ToolsArguments"].__required_keys__ == {"str"}
    assert {"list2", "tools2", "class_", "a_b", "aB", "none"} <= set(found)


def test_nothing_of_a_connector_leaves_its_quotes_and_comments_in_typescript() -> None:
    text = stubs(hostile(), "typescript")
    assert text.isascii()
    without_strings = re.sub(r'"(?:[^"\\\n]|\\.)*"', "STRING", text)
    code = re.sub(r"^ *//[^\n]*$", "", without_strings, flags=re.MULTILINE)
    words = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", code))
    assert re.fullmatch(r"[A-Za-z0-9_<>|:;,?(){} \n]*", code)
    assert {word for word in words if word.islower()} == {
        *("export", "interface", "args"),
        *("string", "number", "boolean", "null", "unknown", "true"),
    }


def test_equal_contracts_have_equal_stubs_and_others_another_digest() -> None:
    first, second = tool(name="a"), tool(name="b")
    for language in ("python", "typescript"):
        text = stubs(connector(first, second), language)
        assert stubs(connector(second, first), language) == text
        assert stubs(connector(first), language).splitlines()[1] != text.splitlines()[1]


STREAMS = connector(
    tool(name="rows", path="/v1", input=None, stream="Lines", output={"type": "object", "properties": {"n": {}}}),
    tool(name="export", path="/v1", input=None, output=None, stream="Text"),
)


def test_answers_that_come_piece_by_piece_are_taken_so(tmp_path: Path) -> None:
    text = stubs(STREAMS, "python")
    assert "from collections.abc import AsyncIterator\n" in text
    assert "from collections" not in stubs(hostile(), "python")
    (tmp_path / "rates.py").write_text(text)
    (tmp_path / "good.py").write_text(
        "import rates\n\n\nasync def all() -> list[str]:\n"
        "    return [*[str(row.get('n')) async for row in rates.rows({})], *[one async for one in rates.export({})]]\n"
    )
    (tmp_path / "bad.py").write_text("import rates\n\n\nasync def all() -> str:\n    return await rates.export({})\n")
    output, _, _ = mypy.run(["--config-file", str(ENGINES), str(tmp_path)])
    assert {line.rpartition("/")[2].split(":")[0] for line in output.splitlines()[:-1]} == {"bad.py"}, output
    typed = stubs(STREAMS, "typescript")
    assert '  stream(tool: "export", args?: Record<string, unknown>): AsyncGenerator<string>;\n' in typed
    assert '  stream(tool: "rows", args?: Record<string, unknown>): AsyncGenerator<RowsResult>;\n' in typed


def test_tools_can_be_chosen() -> None:
    result = CliRunner().invoke(main, ["connector", "stubs", str(BANK), "--tool", "pay"])
    assert result.exit_code == 0
    assert re.findall("async def (.*)[(]", result.stdout) == ["pay"]
    gone = CliRunner().invoke(main, ["connector", "stubs", str(BANK), "--tool", "gone"])
    assert (gone.exit_code, gone.stdout) == (1, "")
    assert "there is no tool 'gone'" in gone.stderr


def test_what_is_no_valid_connector_has_no_stubs(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(BANK.read_text().replace("^[0-9]{4,12}$", "(?=a)"))
    result = CliRunner().invoke(main, ["connector", "stubs", str(broken)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "/input/$defs/Id/pattern: the pattern is invalid" in result.stderr
