# SPDX-License-Identifier: Apache-2.0
"""Digests of bundles and envelopes: SHA-256 of RFC 8785 (canonical) JSON, written `sha256:<hex>`."""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
import rfc8785
from pydantic import BaseModel

INLINE_ENTRY = {"python": "app.py", "javascript": "app.js", "component": "app.wasm"}
"""The name of the entry where nothing else names it, by language; `spec.code.source.inline` gets it as well."""


_SORTED = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
# Plain JSON text that is its own canonical form: strings in ASCII without escapes, so that names are in the same order
# as bytes and as UTF-16, and integers that every reader holds exactly. Other numbers have forms of their own, and null
# is what orjson writes for those that JSON cannot hold.
_OWN_FORM = re.compile(rb'(?:[\[\]{}:,]|"[ !#-\[\]-~]*+"|-?[0-9]{1,15}+(?![0-9.eE])|true|false)*+')


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of a JSON value; equal values have equal bytes.

    Raises ValueError for what JSON cannot hold exactly (NaN, integers beyond 2**53, keys that are no strings).
    """
    try:
        text = orjson.dumps(value, option=_SORTED)
    except TypeError:
        text = b""  # whoever knows the canonical form says why
    if text and _OWN_FORM.fullmatch(text):
        return text
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # rfc8785 checks the value itself


def sha256(content: bytes) -> str:
    """`sha256:<64 hex characters>` of the bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def bundle_digest(entry: str, files: Mapping[str, bytes]) -> str:
    """The digest of an app's code: its files under their paths, and the one that is loaded first.

    It is that of `canonical({"entry": entry, "files": {path: base64}})`, taken file by file: several MiB of base64 are
    never held as a whole.
    """
    found = hashlib.sha256(b'{"entry":%b,"files":{' % canonical(entry))
    for number, path in enumerate(sorted(files, key=lambda path: path.encode("utf-16-be"))):
        found.update(b'%b%b:"' % (b"," if number else b"", canonical(path)))
        found.update(base64.b64encode(files[path]))
        found.update(b'"')
    found.update(b"}}")
    return f"sha256:{found.hexdigest()}"


# Of those that are at work: each pass over an app asks for the same one several times.
@lru_cache(maxsize=256)
def revision_digest(code: str, envelope: str, tenancy: str | None = None) -> str:
    """The digest of a revision: what was judged together, each part by its digest. A part that is absent is null."""
    parts = {"code": code, "contracts": None, "envelope": envelope, "fallback": None, "tenancy": tenancy}
    return sha256(canonical(parts))


def envelope_digest(envelope: Mapping[str, Any] | BaseModel) -> str:
    """The digest of an envelope as it is stored: absent fields left out, connectors sorted."""
    stored: Any = envelope
    if isinstance(envelope, BaseModel):
        stored = envelope.model_dump(by_alias=True, exclude_none=True, exclude_unset=True, mode="json")
    stored = _without_absent(stored)
    if "connectors" in stored:
        stored["connectors"] = sorted(stored["connectors"])
    return sha256(canonical(stored))


def _without_absent(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_absent(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_absent(item) for item in value]
    return value
