# SPDX-License-Identifier: Apache-2.0
"""The schema of RuntimeConfig, for the other plane, and the reference of fields, conditions and reasons, for people."""

import json
from collections.abc import Iterator
from typing import Any

from genapps.api.conditions import table
from genapps.api.crd import root_schema
from genapps.api.fields import INT_OR_STRING
from genapps.api.kinds import KINDS, Kind
from genapps.api.names import API_VERSION
from genapps.api.runtimeconfig import RuntimeConfig

FOLDERS = ()

_HEAD = f"""# Reference

Generated from `operator/src/genapps/api` by `make manifests`: do not edit. All kinds are `{API_VERSION}`;
`kubectl explain gapp.spec --recursive` prints the same. Fields with `*` are required.
"""


def files() -> dict[str, str]:
    """All documents."""
    return {
        "docs/contracts/runtime-config.schema.json": runtime_config(),
        "docs/reference.md": reference(),
    }


def runtime_config() -> str:
    """JSON Schema 2020-12 of `runtime.json`, as the operator writes it: every field is there."""
    schema = _plain(RuntimeConfig.model_json_schema(by_alias=True, mode="serialization"))
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _plain(node: Any) -> Any:
    """Without what only Kubernetes understands, and without titles that repeat the field's name."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _plain(value)
        for key, value in node.items()
        if not key.startswith("x-") and not (key == "title" and isinstance(value, str))
    }


def reference() -> str:
    """Fields of each kind, then the table of conditions."""
    parts = [_HEAD, *(_kind(kind) for kind in KINDS), _conditions()]
    return "\n".join(parts)


def _kind(kind: Kind) -> str:
    schema = root_schema(kind)
    short = ", ".join(kind.short_names)
    rows = [
        row
        for name, part in schema["properties"].items()
        if name not in {"apiVersion", "kind", "metadata"}
        for row in _fields(name, part)
    ]
    head = f"## {kind.name}\n\n{schema['description']} Scope: {kind.scope}; short name: {short}.\n"
    return "\n".join([head, "| field | type | meaning |", "|---|---|---|", *rows, ""])


def _fields(path: str, schema: dict[str, Any]) -> Iterator[str]:
    required = schema.get("required", [])
    for name, part in schema.get("properties", {}).items():
        inner = f"{path}.{name}"
        mark = "*" if name in required else ""
        yield f"| `{inner}`{mark} | {_type(part)} | {_cell(part.get('description', ''))} |"
        yield from _fields(inner, part)
        if part.get("type") == "array":
            yield from _fields(f"{inner}[]", part["items"])
        elif "additionalProperties" in part:
            yield from _fields(f"{inner}.<name>", part["additionalProperties"])


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        words = ", ".join(schema["enum"])
        return f"{words}; default {schema['default']}" if "default" in schema else words
    kind: str = schema.get("type", "number or string" if INT_OR_STRING in schema else "word or object")
    if kind == "array":
        kind = f"list of {_type(schema['items'])}"
    elif "additionalProperties" in schema:
        kind = f"map of {_type(schema['additionalProperties'])}"
    default = schema.get("default")
    return kind if default is None or isinstance(default, dict) else f"{kind}; default {_cell(json.dumps(default))}"


def _conditions() -> str:
    head = "## Conditions and reasons\n\nA closed set. `Ready` sums up the others.\n"
    rows = [
        f"| {entry.type} | {entry.status} | {entry.reason} | {_cell(entry.meaning)} | {_cell(entry.next_step)} |"
        for entry in table()
    ]
    columns = "| condition | status | reason | meaning | what to do |\n|---|---|---|---|---|"
    return "\n".join([head, columns, *rows, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
