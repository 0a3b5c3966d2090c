# SPDX-License-Identifier: Apache-2.0
"""What an artifact is: an image manifest whose layers are the files of an app, as `oras push` makes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from genapps.api.conditions import Reason
from genapps.api.digests import sha256
from genapps.api.source import IMAGE_REFERENCE, SOURCE_BYTES, SOURCE_FILES

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MANIFEST_BYTES = 256 * 1024
ENTRY = "dev.genapps.entry"
"""Annotation of the manifest: the file that is loaded first."""
TITLE = "org.opencontainers.image.title"
UNPACK = "io.deis.oras.content.unpack"
"""Annotation of a layer that is a packed folder."""

_REFERENCE = re.compile(IMAGE_REFERENCE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_NAME = re.compile(r"(?!\.\.?\Z|\.\.)[-._a-zA-Z0-9]{1,253}\Z")


class PullError(Exception):
    """There is no usable code at the reference; `reason` and message are for the app's status."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reference:
    """`host/repository@digest`, in a form that `ImageSource` admits."""

    host: str
    repository: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Raises ValueError for what the API server would not have admitted."""
        if not _REFERENCE.fullmatch(text):
            raise ValueError(f"not an image reference by digest: {text!r}")
        where, _, digest = text.partition("@")
        host, _, repository = where.partition("/")
        return cls(host, repository, digest)


@dataclass(frozen=True, slots=True)
class Layer:
    """One file: its name in the bundle, and what its content must be."""

    name: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """The files of an artifact, verified; `entry` where its manifest names one."""

    entry: str | None
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says, checked."""

    entry: str | None
    layers: tuple[Layer, ...]


def read_manifest(raw: bytes, digest: str) -> Manifest:
    """The manifest with that digest. Raises PullError: SourceInvalid or SourceTooLarge."""
    if sha256(raw) != digest:
        raise PullError(
            Reason.SOURCE_INVALID, f"the registry returns a manifest with digest {sha256(raw)}; push it again"
        )
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or said.get("schemaVersion") != 2 or said.get("mediaType", MANIFEST) != MANIFEST:
        raise _invalid(
            f"the digest does not name an {MANIFEST}; use the digest that oras push prints, not the one of an index"
        )
    layers = said.get("layers")
    if not isinstance(layers, list) or not layers:
        raise _invalid("the manifest has no layers; push at least one file")
    if len(layers) > SOURCE_FILES:
        raise _too_large(f"{len(layers)} files, the maximum is {SOURCE_FILES}")
    files = tuple(_layer(layer) for layer in layers)
    if len({file.name for file in files}) != len(files):
        raise _invalid("two files have the same name; rename one")
    size = sum(file.size for file in files)
    if size > SOURCE_BYTES:
        raise _too_large(f"{size} bytes, the maximum is {SOURCE_BYTES}")
    entry = _annotations(said).get(ENTRY)
    if entry is not None and not isinstance(entry, str):
        raise _invalid(f"the annotation {ENTRY} is not a string; push the image with oras")
    return Manifest(entry, files)


def checked(layer: Layer, content: bytes) -> bytes:
    """The content, if it is what the manifest says; else PullError."""
    if len(content) != layer.size or sha256(content) != layer.digest:
        raise _invalid(f"the content of {layer.name} does not match the manifest; push it again")
    return content


def _layer(layer: Any) -> Layer:
    if not isinstance(layer, dict):
        raise _invalid("a layer of the manifest is not an object; push the image with oras")
    notes = _annotations(layer)
    name, digest, size = notes.get(TITLE), layer.get("digest"), layer.get("size")
    if notes.get(UNPACK) == "true":
        raise _invalid("the image holds an archived folder; change into the folder and push its files by name")
    if name is None:
        raise _invalid(f"a layer has no annotation {TITLE}; push files with oras push, not a container image")
    if not isinstance(name, str) or not _NAME.match(name):
        raise _invalid("a file name is invalid; use letters, digits, '-', '_' and '.', no folders")
    if not isinstance(digest, str) or not _DIGEST.match(digest):
        raise _invalid(f"the digest of {name} is not a sha256 digest; push the image with oras")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _invalid(f"the size of {name} is not a number; push the image with oras")
    return Layer(name, digest, size)


def _annotations(part: Mapping[str, Any]) -> Mapping[str, Any]:
    notes = part.get("annotations")
    return notes if isinstance(notes, dict) else {}


def _invalid(message: str) -> PullError:
    return PullError(Reason.SOURCE_INVALID, message)


def _too_large(message: str) -> PullError:
    return PullError(Reason.SOURCE_TOO_LARGE, f"the image has {message}; make the bundle smaller")
