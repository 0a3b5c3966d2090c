# SPDX-License-Identifier: Apache-2.0
"""Drift detection: what of a live object is ours, and is it still what we applied?

The API server keeps, per field manager, which fields an apply set (`managedFields[].fieldsV1`). Projecting the live
object onto our entry covers values and ownership at once: a changed value differs, and a field that somebody else
took over is missing. It needs no memory of ours, so it holds after a restart.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from genapps.api.names import FIELD_MANAGER
from genapps.core.observed import Manifest

EXACT_SPEC = frozenset({"NetworkPolicy"})
"""Kinds whose whole spec must be ours: a field added beside our own would open the fence."""

BY_METADATA = frozenset({"Pod"})
"""A pod's spec cannot be applied again. Whether it is the wanted one, its digest of creation and its fence say."""

BY_PRESENCE = frozenset({"ConfigMap"})
"""Snapshots: immutable, named by digest, watched as metadata only."""


def project(live: Any, fields: Mapping[str, Any]) -> Any:
    """The part of `live` that `fields` (fieldsV1) names, in the live order of list items.

    >>> project({"a": 1, "b": {"c": 2, "d": 3}}, {"f:b": {"f:c": {}}})
    {'b': {'c': 2}}
    """
    if not fields:
        return live
    if isinstance(live, dict):
        return {
            key: project(live[key], below) if below else live[key]
            for name, below in fields.items()
            if name.startswith("f:") and (key := name[2:]) in live
        }
    if isinstance(live, list):
        return [item for position, value in enumerate(live) for item in _owned_item(position, value, fields)]
    return live


def _owned_item(position: int, value: Any, fields: Mapping[str, Any]) -> list[Any]:
    for name, below in fields.items():
        kind, _, text = name.partition(":")
        if kind == "k" and isinstance(value, dict):
            if all(key in value and value[key] == wanted for key, wanted in _parsed(text).items()):
                return [project(value, below)]
        elif kind == "v" and _parsed(text) == value:
            return [value]
        elif kind == "i" and text == str(position):
            return [project(value, below)]
    return []


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Any:
    """The JSON in the name of a list's item: the same few texts in every object of a kind."""
    return json.loads(text)


def owned(live: Manifest) -> Manifest:
    """What our last apply still owns of the live object; empty when we own nothing."""
    for entry in live.get("metadata", {}).get("managedFields", ()):
        ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if ours and not entry.get("subresource"):
            projected: Manifest = project(live, entry.get("fieldsV1", {}))
            return projected if entry.get("fieldsV1") else {}
    return {}


def expected(manifest: Manifest) -> Manifest:
    """What `owned` gives right after `manifest` was applied: its content without what addresses it."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name not in ("name", "namespace")}
    content = {name: value for name, value in manifest.items() if name not in ("apiVersion", "kind", "metadata")}
    return {"metadata": metadata, **content}


def live_digest(live: Manifest) -> str:
    """Digest to compare with `expected_digest`; empty for kinds that are compared by presence."""
    if live.get("kind") in BY_PRESENCE:
        return ""
    content = owned(live)
    if live.get("kind") in BY_METADATA:
        content = {"metadata": content.get("metadata", {})}
    if live.get("kind") in EXACT_SPEC:
        content = {**content, "spec": live.get("spec", {})}
    return _digest(content)


def spec_digest(spec: Manifest) -> str:
    """Digest of our part of a live spec (`owned(live)["spec"]`), to compare with `expected_spec_digest`."""
    return _digest(spec)


def expected_digest(manifest: Manifest) -> str:
    """Digest of what our apply should own of the object; empty for kinds that are compared by presence."""
    if manifest["kind"] in BY_PRESENCE:
        return ""
    content = expected(manifest)
    return _digest({"metadata": content["metadata"]} if manifest["kind"] in BY_METADATA else content)


def expected_spec_digest(manifest: Manifest) -> str:
    """Digest of what our apply should own of its spec alone, to compare with `spec_digest`."""
    return _digest(expected(manifest).get("spec", {}))


def _digest(content: Any) -> str:
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    if b"[]" in text or b"null" in text:
        # Perhaps only inside a string: then this changes nothing.
        text = orjson.dumps(_without_empties(content), option=orjson.OPT_SORT_KEYS)
    return sha256(text).hexdigest()[:32]


def _without_empties(content: Any) -> Any:
    # The API server drops absent and empty lists when it stores an object; an empty item of a list
    # (`ingress: [{}]` admits everybody) is content and stays.
    if isinstance(content, dict):
        return {
            name: _without_empties(value) if isinstance(value, dict | list) else value
            for name, value in content.items()
            if value is not None and value != []
        }
    if isinstance(content, list):
        return [_without_empties(item) if isinstance(item, dict | list) else item for item in content]
    return content
