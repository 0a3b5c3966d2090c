# SPDX-License-Identifier: Apache-2.0
"""One object of ours against its CRD and its model, and whether a ConfigMap is one."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from genapps.api.crd import root_schema
from genapps.api.kinds import KINDS
from genapps.api.names import API_VERSION, GROUP
from genapps.cli.check.documents import Document, FieldPath
from genapps.cli.check.findings import Code, Finding, Problem, dotted, placed
from genapps.cli.check.schema import problems, with_defaults

_KINDS = {kind.name: kind for kind in KINDS}
_NAMED = re.compile(r"((?:spec|metadata)(?:[.][A-Za-z]+)*)\b:? ?(.*)", re.DOTALL)
"""A message that begins with the field it is about."""
_VALUE_ERROR = "Value error, "


class Checked(NamedTuple):
    """What was found in an object, and the object where nothing was."""

    findings: tuple[Finding, ...]
    model: BaseModel | None


def is_ours(document: Document) -> bool:
    """Whether it is of our API group."""
    return document.api_version.partition("/")[0] == GROUP


def is_config_map(document: Document) -> bool:
    """Whether it is a ConfigMap."""
    return document.api_version == "v1" and document.kind == "ConfigMap"


def check_object(document: Document) -> Checked:
    """An object of our group."""
    found = [placed(document, path, Code.DUPLICATE, f"{dotted(path)}: given twice") for path in document.repeated]
    if document.api_version != API_VERSION:
        return Checked(
            (*found, placed(document, ("apiVersion",), Code.INVALID, f"apiVersion: write {API_VERSION}")), None
        )
    kind = _KINDS.get(document.kind)
    if kind is None:
        known = ", ".join(_KINDS)
        return Checked((*found, placed(document, ("kind",), Code.NOT_SUPPORTED, f"kind: write one of {known}")), None)
    value = with_defaults(_as_created(document), _schema(kind.name))
    faults = [*_name_problems(document), *problems(value, _schema(kind.name))]
    model = None
    try:
        model = kind.model.model_validate(value)
    except ValidationError as error:
        known_paths = [fault.path for fault in faults]
        # What the schema said is not said again by the model, in other words.
        faults += [fault for fault in _model_problems(error) if not _related(fault.path, known_paths)]
    found += [_finding(document, fault) for fault in faults]
    return Checked(tuple(found), None if found else model)


def check_config_map(document: Document) -> tuple[Finding, ...]:
    """The shape of a ConfigMap, as far as code rests on it."""
    found = [placed(document, path, Code.DUPLICATE, f"{dotted(path)}: given twice") for path in document.repeated]
    for name in ("data", "binaryData"):
        content = document.value.get(name)
        if content is not None and not isinstance(content, dict):
            found.append(placed(document, (name,), Code.TYPE, f"{name}: must be of type object"))
        for key, text in (content if isinstance(content, dict) else {}).items():
            if not isinstance(text, str):
                found.append(placed(document, (name, key), Code.TYPE, f"{name}.{key}: must be of type string"))
    return tuple(found)


def _as_created(document: Document) -> dict[str, Any]:
    """Without the status, which the API server drops, and with a name: one it would make, or one to go on with."""
    value: dict[str, Any] = {name: part for name, part in document.value.items() if name != "status"}
    metadata = document.metadata
    if not isinstance(metadata.get("name"), str):
        prefix = metadata.get("generateName")
        value["metadata"] = {**metadata, "name": f"{prefix}00000" if isinstance(prefix, str) else "unnamed"}
    return value


def _name_problems(document: Document) -> list[Problem]:
    metadata = document.metadata
    if isinstance(metadata.get("name"), str) or isinstance(metadata.get("generateName"), str):
        return []
    return [Problem(("metadata", "name"), Code.REQUIRED, "Required value: name or generateName is required")]


def _model_problems(error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors(include_url=False, include_input=False):
        yield Problem(fault["loc"], Code.INVALID, fault["msg"].removeprefix(_VALUE_ERROR))


def _related(path: FieldPath, others: list[FieldPath]) -> bool:
    return any(path[: len(other)] == other[: len(path)] for other in others)


def _finding(document: Document, fault: Problem) -> Finding:
    """Rules on an object name the field in their message: the finding is placed there."""
    named = _NAMED.match(fault.message)
    if named:
        path = tuple(named[1].split("."))
        return placed(document, path, fault.code, fault.message)
    where = dotted(fault.path)
    return placed(document, fault.path, fault.code, f"{where}: {fault.message}" if where else fault.message)


@cache
def _schema(kind: str) -> dict[str, Any]:
    schema = root_schema(_KINDS[kind])
    return {**schema, "properties": {name: part for name, part in schema["properties"].items() if name != "status"}}
