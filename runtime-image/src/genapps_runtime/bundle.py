# SPDX-License-Identifier: Apache-2.0
"""The app's code as it is mounted: read once, and refused unless its digest is the one that the operator approved."""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from genapps_runtime.source_text import source_text
from genapps_runtime.termination import Reason, RefusedError

BUNDLE_BYTES = 1024 * 1024 + 64 * 1024
_NAME = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of an app, by name, and the one that is executed first."""

    entry: str
    files: dict[str, bytes]


def digest_of(bundle: Bundle) -> str:
    """`sha256:<hex>` of the RFC 8785 JSON `{"entry": ..., "files": {name: base64}}`.

    Names are ASCII without anything JSON escapes (checked when reading), so sorted keys and no blanks are RFC 8785.
    """
    files = {name: base64.b64encode(content).decode() for name, content in bundle.files.items()}
    canonical = orjson.dumps({"entry": bundle.entry, "files": files}, option=orjson.OPT_SORT_KEYS)
    return "sha256:" + hashlib.sha256(canonical).hexdigest()


def read_bundle(directory: str, entry: str, digest: str) -> Bundle:
    """The files that are mounted at `directory`.

    Raises RefusedError (SnapshotMismatch) unless they have that digest, and when they take more than BUNDLE_BYTES.
    """
    files: dict[str, bytes] = {}
    size = 0
    try:
        for path in sorted(Path(directory).iterdir()):
            if path.name.startswith("..") or not path.is_file():
                continue  # the kubelet's own links of a mounted ConfigMap
            if not _NAME.match(path.name):
                raise RefusedError(Reason.SNAPSHOT_MISMATCH, f"invalid file name: {path.name!r}")
            files[path.name] = path.read_bytes()
            size += len(files[path.name])
            if size > BUNDLE_BYTES:
                raise RefusedError(Reason.SNAPSHOT_MISMATCH, f"the code has more than {BUNDLE_BYTES} bytes")
    except OSError as error:
        raise RefusedError(Reason.SNAPSHOT_MISMATCH, f"cannot read the code: {error}") from None
    bundle = Bundle(entry, files)
    if not _NAME.match(entry):
        raise RefusedError(Reason.SNAPSHOT_MISMATCH, f"invalid entry: {entry!r}")
    found = digest_of(bundle)
    if found != digest:
        raise RefusedError(Reason.SNAPSHOT_MISMATCH, f"the code has digest {found}; the pod expects {digest}")
    return bundle


def load_message(bundle: Bundle, log_bytes: int) -> str:
    """The JSON that the engine's `load` takes.

    `files` has the code as text, `data` the other files as text or base64: the app can read them. `log_bytes` is what
    it may log in one action. Raises RefusedError (CodeRejected) for code that is not UTF-8 text.
    """
    if bundle.entry not in bundle.files:
        raise RefusedError(Reason.CODE_REJECTED, f"the bundle has no entry file {bundle.entry!r}")
    texts: dict[str, str] = {}
    data: dict[str, dict[str, str]] = {}
    for name, content in bundle.files.items():
        if not name.endswith(".py") and name != bundle.entry:
            data[name] = _text_or_base64(content)
            continue
        try:
            texts[name] = source_text(content)
        except ValueError as error:
            raise RefusedError(Reason.CODE_REJECTED, f"{name} {error}") from None
    message: dict[str, Any] = {"entry": bundle.entry, "files": texts, "logBytes": log_bytes}
    return orjson.dumps(message | ({"data": data} if data else {})).decode()


def _text_or_base64(content: bytes) -> dict[str, str]:
    """As a piece of a body is handed over."""
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
