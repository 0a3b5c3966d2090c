# SPDX-License-Identifier: Apache-2.0
"""Whatever is in a description, it becomes a valid Connector or is refused in words."""

import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genapps.api.connector import Connector
from genapps.cli.connector.importing import Import, Options, import_mcp, import_openapi
from genapps.cli.connector.stubs import stubs
from genapps.core.contracts.faults import contract_faults

HERE = Path(__file__).parent
BANK = yaml.safe_load((HERE / "bank.yaml").read_text())
MCP = json.loads((HERE / "mcp_server.json").read_text())
OPTIONS = Options("bank", ["finance"], "", "bank/api:80", skip_refused=True, trust_hints=True)

KEYS = st.sampled_from(
    ["$ref", "type", "properties", "items", "allOf", "anyOf", "enum", "required", "name", "in", "schema", "nullable"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(
        ["object", "array", "string", "#/components/schemas/Payment", "path", "query", "/a/{b}", "x" * 2_000]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, inner in members for path in paths(inner, (*at, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {key: changed(inner, path[1:], new) if key == path[0] else inner for key, inner in value.items()}
    return [changed(inner, path[1:], new) if number == path[0] else inner for number, inner in enumerate(value)]


def judge(found: Import) -> None:
    assert found.manifest or found.refused
    if found.manifest:
        connector = Connector.model_validate(yaml.safe_load(found.manifest))
        assert contract_faults(connector) == ()
        compile(stubs(connector, "python"), "stubs.py", "exec")
        assert stubs(connector, "typescript").isascii()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(paths(BANK)), VALUES)
def test_no_openapi_document_breaks_the_import(path: tuple[Any, ...], new: Any) -> None:
    judge(import_openapi(changed(BANK, path, new), OPTIONS))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(paths(MCP)), VALUES)
@example(("result", "tools", 1, "inputSchema", "properties", "id"), False)  # arguments without a member
def test_no_tool_list_breaks_the_import(path: tuple[Any, ...], new: Any) -> None:
    judge(import_mcp(changed(MCP, path, new), OPTIONS))
