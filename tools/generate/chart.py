# SPDX-License-Identifier: Apache-2.0
"""The chart's values, from one model, for Helm (`values.yaml`, `values.schema.json`) and people (`docs/chart.md`)."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

from tools.generate.chart_values import Resources, Values

FOLDERS = ()

_WIDTH = 120
_STEP = "  "
_MADE = "from tools/generate/chart_values.py by `make manifests`: do not edit."
_HEAD = f"""# Generated {_MADE}
# Every value is checked against values.schema.json; a misspelt name is refused.
"""
_GUIDE = f"""# Values of the chart

Generated {_MADE}
`charts/genapps/values.yaml` has the same text beside the defaults. A value with `*` must be set.

| value | type | default | meaning |
|---|---|---|---|
"""
_GLOBAL = {"type": "object", "description": "Of a parent chart; nothing here is read."}
_REFUSED_EMPTY = ("minLength", "minItems")


def files() -> dict[str, str]:
    """Defaults, schema and guide."""
    return {
        "charts/genapps/values.yaml": defaults(),
        "charts/genapps/values.schema.json": json.dumps(schema(), indent=2) + "\n",
        "docs/chart.md": _GUIDE + "".join(_rows("", schema()["properties"], Values().model_dump(by_alias=True))),
    }


def defaults() -> str:
    """`values.yaml`: each value below its description, sections apart."""
    return _HEAD + "".join(_section(Values(), ""))


def schema() -> dict[str, Any]:
    """JSON Schema draft 7, which every Helm understands, without references; each part is described and closed."""
    document = Values.model_json_schema(by_alias=True, mode="serialization")
    flat = _flat(document, document.pop("$defs"))
    flat["properties"]["global"] = _GLOBAL
    return {"$schema": "http://json-schema.org/draft-07/schema#", **flat}


def _section(model: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if indent == "":
            yield "\n"
        for line in textwrap.wrap(_described(field.description, name), _WIDTH - len(indent) - 2):
            yield f"{indent}# {line}\n"
        if isinstance(value, Resources):
            yield f"{indent}{field.alias}:\n"
            yield from (f"{indent}{_STEP}{key}: {_inline(part)}\n" for key, part in value.model_dump().items())
        elif isinstance(value, BaseModel):
            yield f"{indent}{field.alias}:\n"
            yield from _section(value, indent + _STEP)
        else:
            yield f"{indent}{field.alias}: {_inline(value)}\n"


def _inline(value: object) -> str:
    if value == "":
        return '""'
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).removesuffix("...\n").strip()


def _flat(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    flat = {key: part for key, part in _resolved(node, definitions).items() if key not in {"title", "default"}}
    for key in {"items", "additionalProperties", "propertyNames"} & set(flat):
        if isinstance(flat[key], dict):
            flat[key] = _flat(flat[key], definitions)
    if "patternProperties" in flat:
        flat["patternProperties"] = {key: _flat(part, definitions) for key, part in flat["patternProperties"].items()}
        flat["additionalProperties"] = False
    if "properties" in flat:
        described = {name: _described(part.get("description"), name) for name, part in flat["properties"].items()}
        properties = {name: _flat(part, definitions) for name, part in flat["properties"].items()}
        flat["properties"] = {name: part | {"description": described[name]} for name, part in properties.items()}
        # Within a map no default stands beside what is written: there each part may be left out.
        required = [name for name in flat.get("required", ()) if "null" not in properties[name]["type"]]
        if required:
            flat["required"] = required
    return {key: flat[key] for key in sorted(flat, key=_place)}


def _place(key: str) -> tuple[int, str]:
    """What people look for comes first."""
    first = ("description", "type", "properties", "required")
    return (first.index(key) if key in first else len(first), key)


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """References followed, and `X or null` as one type; what stands beside them wins."""
    merged = dict(node)
    if "$ref" in merged:
        target = definitions[merged.pop("$ref").removeprefix("#/$defs/")]
        return _resolved({**target, **merged}, definitions)
    if "anyOf" in merged:
        (option,) = (each for each in merged.pop("anyOf") if each != {"type": "null"})
        return {**option, **merged, "type": [option["type"], "null"]}
    return merged


def _rows(path: str, properties: dict[str, Any], values: dict[str, Any]) -> Iterator[str]:
    for name, part in properties.items():
        if name not in values:
            continue
        inner, default = f"{path}{name}", values[name]
        if "properties" in part:
            yield f"| `{inner}` | section | | {_cell(part['description'])} |\n"
            yield from _rows(f"{inner}.", part["properties"], default)
        else:
            must = not default and any(part.get(key) for key in _REFUSED_EMPTY)
            shown = "" if must else f"`{_cell(_inline(default))}`"
            yield f"| `{inner}`{'*' if must else ''} | {_type(part)} | {shown} | {_cell(part['description'])} |\n"


def _type(part: dict[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(part["enum"])
    kind = part["type"]
    if kind == "array":
        return f"list of {_type(part['items'])}"
    for inner in (part.get("additionalProperties"), *part.get("patternProperties", {}).values()):
        if isinstance(inner, dict):
            return f"map of {_type(inner)}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _described(description: str | None, name: str) -> str:
    if not description:
        raise ValueError(f"the chart's value {name} has no docstring")
    return " ".join(description.split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
