# SPDX-License-Identifier: Apache-2.0
"""From the models to CustomResourceDefinitions: structural schemas as the API server wants them."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from genapps.api.fields import RULES, SCHEMA, SCHEMA_DEFAULT
from genapps.api.kinds import KINDS, Kind
from genapps.api.names import GROUP, VERSION

Json = dict[str, Any]

_ORDER: Final = {key: index for index, key in enumerate(("description", "type"))}
_DROPPED: Final = ("title", "default", "$defs", SCHEMA_DEFAULT)


def crds() -> dict[str, Json]:
    """The CustomResourceDefinition of each kind, by its object name."""
    return {kind.crd_name: crd(kind) for kind in KINDS}


def crd(kind: Kind) -> Json:
    """The CustomResourceDefinition of one kind."""
    version: Json = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root_schema(kind)},
        "additionalPrinterColumns": [column.wire() for column in kind.columns],
    }
    if kind.status is not None:
        version["subresources"] = {"status": {}}
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    names: Json = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": list(kind.short_names),
    }
    if kind.categories:
        names["categories"] = list(kind.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name, "labels": {"app.kubernetes.io/name": "genapps"}},
        "spec": {"group": GROUP, "names": names, "scope": kind.scope, "versions": [version]},
    }


def root_schema(kind: Kind) -> Json:
    """The schema of the whole object; `spec` (or `record`) is required, or a rule on it could be skipped."""
    schema = structural(kind.model)
    body = {name: part for name, part in schema["properties"].items() if name != "metadata"}
    root: Json = {
        "type": "object",
        "description": schema["description"],
        "required": sorted(body),
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": kind.name},
            "metadata": {"type": "object"},
            **body,
        },
    }
    if RULES in schema:
        root[RULES] = schema[RULES]
    if kind.status is not None:
        # The API server drops .status of a new object and then fills in defaults: only a default of the property
        # itself keeps tools from taking an object that nobody has looked at for a finished one.
        status = structural(kind.status)
        root["properties"]["status"] = status | {"default": {"observedGeneration": -1}}
    return root


def structural(model: type[BaseModel]) -> Json:
    """The model's schema without references, unions with null, titles and unmarked defaults."""
    document = model.model_json_schema(by_alias=True)
    return _flatten(document, document.get("$defs", {}))


def _flatten(schema: Mapping[str, Any], definitions: Mapping[str, Json]) -> Json:
    schema = _resolve(schema, definitions)
    if SCHEMA in schema:
        return {"description": schema["description"], **schema[SCHEMA]}
    flat: Json = {}
    for key, value in sorted(schema.items(), key=lambda item: _ORDER.get(item[0], len(_ORDER))):
        if key in _DROPPED or (key == "additionalProperties" and isinstance(value, bool)):
            continue
        if key == "const":
            flat["enum"] = [value]
        elif key == "properties":
            flat[key] = {name: _flatten(part, definitions) for name, part in value.items()}
        elif key in {"items", "additionalProperties"}:
            flat[key] = _flatten(value, definitions)
        else:
            flat[key] = value
    if schema.get(SCHEMA_DEFAULT):
        flat["default"] = schema["default"]
    if flat.get("type") == "integer":
        flat["format"] = "int64"
    return flat


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Json]) -> Json:
    """Merges what a reference or an optional type points to with what stands beside it; rules add up."""
    merged = dict(schema)
    while True:
        if "$ref" in merged:
            target = definitions[merged.pop("$ref").removeprefix("#/$defs/")]
        elif "anyOf" in merged and SCHEMA not in merged:
            target = _only([option for option in merged.pop("anyOf") if option != {"type": "null"}])
        else:
            return merged
        both = [*target.get(RULES, []), *merged.get(RULES, [])]
        merged = {**target, **merged} | ({RULES: both} if both else {})


def _only(options: list[Json]) -> Json:
    if len(options) != 1:
        msg = f"a CRD has no unions: {options}"
        raise ValueError(msg)
    return options[0]
