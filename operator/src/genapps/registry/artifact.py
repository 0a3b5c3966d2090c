# SPDX-License-Identifier: Apache-2.0
"""What an artifact is: an image manifest whose layers are the files and packed folders of an app, as `oras push`
makes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from genapps.api.bundles import BUNDLE_BYTES, BUNDLE_FILES, PATH_FORM, is_path, most_bytes, path_fault
from genapps.api.conditions import Reason
from genapps.api.digests import sha256
from genapps.api.source import IMAGE_REFERENCE
from genapps.registry.archive import MOST_BYTES, ArchiveError, ArchiveTooLargeError, decompressed, unpack

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MANIFEST_BYTES = 256 * 1024
ENTRY = "dev.genapps.entry"
"""Annotation of the manifest: the file that is loaded first."""
TITLE = "org.opencontainers.image.title"
UNPACK = "io.deis.oras.content.unpack"
"""Annotation of a layer that is a packed folder."""

_REFERENCE = re.compile(IMAGE_REFERENCE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_ARCHIVES = frozenset(f"application/vnd.oci.image.layer.v1.tar{end}" for end in ("", "+gzip"))


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
    """One file by its path in the bundle, or a packed folder (without a path), and what its content must be."""

    path: str
    digest: str
    size: int
    packed: bool = False


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
    if len(layers) > BUNDLE_FILES:
        raise _too_large(f"{len(layers)} files, the maximum is {BUNDLE_FILES}")
    read = tuple(_layer(layer, alone=len(layers) == 1) for layer in layers)
    _check_together(read)
    entry = _annotations(said).get(ENTRY)
    if entry is not None and not isinstance(entry, str):
        raise _invalid(f"the annotation {ENTRY} is not a string; push the image with oras")
    return Manifest(entry, read)


def _check_together(layers: Sequence[Layer]) -> None:
    """Before anything is fetched: what packed folders hold is not known yet."""
    files = [layer for layer in layers if not layer.packed]
    if len({file.path for file in files}) != len(files):
        raise _invalid("two files have the same path; rename one")
    for file in files:
        if file.size > (most := most_bytes(file.path)):
            raise _too_large(f"a file of {file.size} bytes, the maximum is {most}")
    size = sum(layer.size for layer in layers)
    if size > BUNDLE_BYTES:
        raise _too_large(f"{size} bytes, the maximum is {BUNDLE_BYTES}")


def files_of(manifest: Manifest, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of all layers by path; `contents` are the layers' by digest, each `checked`. Raises PullError.

    It decompresses up to ten MiB, so it is called in a thread."""
    found: dict[str, bytes] = {}
    size, left = 0, MOST_BYTES
    for layer in manifest.layers:
        more = {layer.path: contents[layer.digest]}
        if layer.packed:
            more, left = _unpacked(contents[layer.digest], left)
        if twice := found.keys() & more.keys():
            raise _invalid(f"two layers have the file {min(twice)}; push it once")
        found |= more
        size += sum(len(content) for content in more.values())
        # After each layer: a few KiB may hold as much as a bundle may have, and there may be hundreds of them.
        if len(found) > BUNDLE_FILES or size > BUNDLE_BYTES:
            raise _too_large(f"{len(found)} files and {size} bytes, the maximum is {BUNDLE_FILES} and {BUNDLE_BYTES}")
    if fault := path_fault(found):
        raise _invalid(f"the image has {fault}")
    return found


def _unpacked(content: bytes, left: int) -> tuple[dict[str, bytes], int]:
    """The files of a packed folder, and how many of the `left` bytes of archives are left after it."""
    try:
        archive = decompressed(content, left)
        return unpack(archive), left - len(archive)
    except ArchiveTooLargeError as error:
        raise PullError(Reason.SOURCE_TOO_LARGE, f"the packed folder {error}; make the bundle smaller") from None
    except ArchiveError as error:
        raise _invalid(f"the packed folder {error}") from None


def checked(layer: Layer, content: bytes) -> bytes:
    """The content, if it is what the manifest says; else PullError."""
    if len(content) != layer.size or sha256(content) != layer.digest:
        raise _invalid(f"the content of {layer.path or 'a packed folder'} does not match the manifest; push it again")
    return content


def _layer(layer: Any, *, alone: bool) -> Layer:
    """A layer without a title is a packed folder if it is the only one: layers of a container image replace and remove
    files of each other, and nobody does that here."""
    if not isinstance(layer, dict):
        raise _invalid("a layer of the manifest is not an object; push the image with oras")
    notes = _annotations(layer)
    title, digest, size = notes.get(TITLE), layer.get("digest"), layer.get("size")
    packed = notes.get(UNPACK) == "true" or (title is None and alone and layer.get("mediaType") in _ARCHIVES)
    if title is None and not packed:
        raise _invalid(f"a layer has no annotation {TITLE}; push files with oras push, not a container image")
    path = "" if packed else title
    if not isinstance(path, str) or not (packed or is_path(path)):
        raise _invalid(f"the image has the invalid path {ascii(title)[:80]}; {PATH_FORM}")
    named = path or "a packed folder"
    if not isinstance(digest, str) or not _DIGEST.match(digest):
        raise _invalid(f"the digest of {named} is not a sha256 digest; push the image with oras")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _invalid(f"the size of {named} is not a number; push the image with oras")
    return Layer(path, digest, size, packed)


def _annotations(part: Mapping[str, Any]) -> Mapping[str, Any]:
    notes = part.get("annotations")
    return notes if isinstance(notes, dict) else {}


def _invalid(message: str) -> PullError:
    return PullError(Reason.SOURCE_INVALID, message)


def _too_large(message: str) -> PullError:
    return PullError(Reason.SOURCE_TOO_LARGE, f"the image has {message}; make the bundle smaller")
