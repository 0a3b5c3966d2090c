# SPDX-License-Identifier: Apache-2.0
"""What was judged, frozen: code and configuration in immutable ConfigMaps that are named by their digests."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping

from genapps.api import names
from genapps.api.apprecord import KeptRevision
from genapps.core.desired.metadata import metadata
from genapps.core.desired.parts import parts_of, pieces_of
from genapps.core.observed import Manifest, Observed
from genapps.core.verdict import Grant, Revision

CONFIG_KEY = "runtime.json"

_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
"""JSON says some of it in six characters. The rest is refused, or read as line breaks, where JSON is read as YAML."""


def snapshots(observed: Observed, grant: Grant, revision: Revision) -> tuple[Manifest, ...]:
    """Those snapshots of the revision whose contents this pass has verified."""
    found = list(_code(observed, grant, revision, revision.code)) if revision.code is not None else []
    if revision.config is not None:
        name = names.config_snapshot_name(observed.child_name, revision.config_digest)
        digest = {names.ANNOTATION_CONFIG_DIGEST: revision.config_digest}
        content = {CONFIG_KEY: revision.config}
        found.append(_snapshot(metadata(observed, grant, name=name, annotations=digest), content))
    return tuple(found)


def snapshot_names(observed: Observed, revisions: Iterable[Revision | KeptRevision]) -> frozenset[str]:
    """The ConfigMaps that these revisions need."""
    child = observed.child_name
    return frozenset(
        name
        for revision in revisions
        for name in (
            *names.code_snapshot_names(child, revision.code_digest, revision.code_parts),
            names.config_snapshot_name(child, revision.config_digest),
        )
    )


def _code(observed: Observed, grant: Grant, revision: Revision, files: Mapping[str, bytes]) -> Iterator[Manifest]:
    """The code in one ConfigMap as it is, or in its parts; the first one tells which image it came with."""
    image, parts = {}, parts_of(observed, revision)
    if revision.image is not None:
        image = {names.ANNOTATION_IMAGE_DIGEST: revision.image.digest, names.ANNOTATION_ENTRY: revision.image.entry}
    digest = {names.ANNOTATION_CODE_DIGEST: revision.code_digest}
    if parts is None:
        (name,) = names.code_snapshot_names(observed.child_name, revision.code_digest, None)
        yield _snapshot(metadata(observed, grant, name=name, annotations={**digest, **image}), files)
        return
    pieces = pieces_of(files)
    for place, part in enumerate(parts):
        notes = {names.ANNOTATION_CODE_PARTS: str(len(parts)), names.ANNOTATION_FILES: " ".join(part.paths)}
        about = {**digest, **notes, **({} if place else image)}
        placed = {key: pieces[path] for key, path in part.keys().items()}
        content = {key: files[piece.file][piece.begin : piece.end] for key, piece in placed.items()}
        yield _snapshot(metadata(observed, grant, name=part.name, annotations=about), content)


def _snapshot(meta: Manifest, files: Mapping[str, bytes]) -> Manifest:
    text: dict[str, str] = {}
    binary: dict[str, str] = {}
    for name, content in files.items():
        if (decoded := _text(content)) is None:
            binary[name] = base64.b64encode(content).decode()
        else:
            text[name] = decoded
    snapshot: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "immutable": True}
    return {**snapshot, **({"data": text} if text else {}), **({"binaryData": binary} if binary else {})}


def _text(content: bytes) -> str | None:
    """As people can read it; None for what is no text, would exceed a request's limit, or come out as another one."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if _UNREADABLE.search(text) else text
