# SPDX-License-Identifier: Apache-2.0
"""Schemas as types of a programming language, without its syntax.

A type takes at least what the schema takes: it helps whoever writes the call, and the gateway judges it. Objects with
known members have names; references are followed, which ends, because contracts have no loops.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genapps.core.contracts.schemas import definition

_WORD = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Scalar:
    """`string`, `number`, `integer`, `boolean`, `null`, or `any`."""

    name: str


@dataclass(frozen=True, slots=True)
class Literals:
    """One of these strings, integers, booleans, or null."""

    values: tuple[str | int | bool | None, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    item: Type


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose names are not known."""

    value: Type


@dataclass(frozen=True, slots=True)
class Named:
    """An object with known members, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types, each once."""

    types: tuple[Type, ...]


Type = Scalar | Literals | ListOf | MapOf | Named | Union
ANY = Scalar("any")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a named object."""

    name: str
    type: Type
    required: bool


@dataclass(slots=True)
class Types:
    """The named objects of a connector: a name stands below those that it uses."""

    objects: dict[str, tuple[Member, ...]] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def unused(self, name: str) -> str:
        """The name, with a number if it is taken."""
        found, number = name, 2
        while found in self._taken:
            found, number = f"{name}{number}", number + 1
        self._taken.add(found)
        return found

    def of(self, schema: Mapping[str, Any], name: str) -> Type:
        """The type of a whole schema; the names of objects in it begin with this one."""
        return _Whole(self, schema, name).of(schema, name)


class _Whole:
    """One whole schema, whose definitions are its own."""

    def __init__(self, types: Types, root: Mapping[str, Any], name: str) -> None:
        self._types = types
        self._root = root
        self._name = name
        self._definitions: dict[str, Type] = {}

    def of(self, schema: Any, name: str) -> Type:
        """The type of a part of it."""
        if not isinstance(schema, dict):
            return ANY
        if "$ref" in schema:
            return self._referred(schema["$ref"])
        if "enum" in schema or "const" in schema:
            return _literals(schema["enum"] if "enum" in schema else [schema["const"]])
        merged = self._merged(schema)
        if merged.get("properties"):
            return self._object(merged, name)
        for keyword in ("anyOf", "oneOf"):
            if keyword in merged:
                return _union([self.of(form, f"{name}{number}") for number, form in enumerate(merged[keyword], 1)])
        kinds = merged.get("type", [])
        return _union([self._kind(kind, merged, name) for kind in ([kinds] if isinstance(kinds, str) else kinds)])

    def _referred(self, reference: str) -> Type:
        if reference not in self._definitions:
            name = f"{self._name}{pascal(reference.rpartition('/')[2])}"
            self._definitions[reference] = self.of(definition(self._root, reference), name)
        return self._definitions[reference]

    def _object(self, schema: Mapping[str, Any], name: str) -> Type:
        name = self._types.unused(name)
        members = tuple(
            Member(member, self.of(inner, f"{name}{pascal(member)}"), member in schema.get("required", ()))
            for member, inner in schema["properties"].items()
            if inner is not False
        )
        self._types.objects[name] = members
        kinds = schema.get("type")
        others = [kind for kind in kinds if kind != "object"] if isinstance(kinds, list) else []
        return _union([Named(name), *(self._kind(kind, schema, name) for kind in others)])

    def _kind(self, kind: str, schema: Mapping[str, Any], name: str) -> Type:
        if kind == "array":
            return ListOf(ANY if "prefixItems" in schema else self.of(schema.get("items", True), f"{name}Item"))
        if kind == "object":
            return MapOf(self.of(schema.get("additionalProperties", True), f"{name}Value"))
        return Scalar(kind)

    def _merged(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema with the members of its `allOf`, whose parts hold together."""
        merged: dict[str, Any] = {name: value for name, value in schema.items() if name != "allOf"}
        for part in schema.get("allOf", ()):
            while isinstance(part, dict) and "$ref" in part:
                part = definition(self._root, part["$ref"])
            part = self._merged(part) if isinstance(part, dict) else {}
            properties = {**part.get("properties", {}), **merged.get("properties", {})}
            required = [*merged.get("required", ()), *part.get("required", ())]
            merged = {**part, **merged} | ({"properties": properties, "required": required} if properties else {})
        return merged


def pascal(text: str) -> str:
    """`accounts_get` as `AccountsGet`: letters and digits of ASCII only."""
    return "".join(word[:1].upper() + word[1:] for word in _WORD.split(text))


def _literals(values: list[Any]) -> Type:
    plain = values and all(value is None or isinstance(value, str | int) for value in values)
    return Literals(tuple(values)) if plain else ANY


def _union(types: list[Type]) -> Type:
    """One type of several; any of them takes all."""
    flat: list[Type] = []
    for one in types:
        for inner in one.types if isinstance(one, Union) else (one,):
            if inner not in flat:
                flat.append(inner)
    if ANY in flat or not flat:
        return ANY
    return flat[0] if len(flat) == 1 else Union(tuple(flat))
