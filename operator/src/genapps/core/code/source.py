# SPDX-License-Identifier: Apache-2.0
"""From where the code is to what it is: a bundle of files, or a sentence on why there is none."""

import base64
import binascii
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from genapps.api.bundles import BUNDLE_FILES, FILE_BYTES, path_fault
from genapps.api.conditions import Reason, meaning
from genapps.api.digests import INLINE_ENTRY
from genapps.api.names import LABEL_SOURCE
from genapps.api.source import INLINE_BYTES, SOURCE_BYTES, Code, ConfigMapSource, ImageSource, KeyToPath, Language
from genapps.core.observed import Bundle, Manifest, SourceProblem
from genapps.core.text import plain

PENDING = SourceProblem(Reason.SOURCE_PENDING, meaning(Reason.SOURCE_PENDING))


def source_of(code: Code, config_map: Manifest | None) -> Bundle | SourceProblem:
    """The bundle of an app; `config_map` is the live object that its source names, None where there is none. What an
    image holds is not known here: `from_image` makes its bundle once it is pulled.

    Sizes are counted in bytes here: the API server's `maxLength` counts characters.
    """
    if code.source.inline is not None:
        return _inline(code.source.inline, INLINE_ENTRY.get(code.language, "app.py"))
    if code.source.config_map is not None:
        return _from_config_map(code.source.config_map, config_map)
    return PENDING


def from_image(code: Code, image: ImageSource, entry: str | None, files: Mapping[str, bytes]) -> Bundle | SourceProblem:
    """The bundle of a pulled image; `entry` is the one that its manifest names, if it does."""
    entry = entry or INLINE_ENTRY.get(code.language, "app.py")
    if "/" in entry:
        message = f"The entry {plain(entry, 100)} of the image is in a folder. Put it beside the folders."
        return SourceProblem(Reason.SOURCE_INVALID, message)
    component = entry if code.language is Language.COMPONENT else None
    for path, content in files.items():
        if path != component and len(content) > FILE_BYTES:
            message = f"The image has {plain(path, 100)} with {len(content)} bytes. The maximum is {FILE_BYTES}."
            return SourceProblem(Reason.SOURCE_TOO_LARGE, f"{message} Only a component may have more.")
    if entry not in files:
        named = "--annotation dev.genapps.entry=<file>"
        message = f"The image has no file {plain(entry, 100)}. Push it, or name another file with {named}."
        return SourceProblem(Reason.SOURCE_INVALID, message)
    return Bundle(entry, files, image.digest)


# As many as there may be workers with several passes each: they find the bundle of the pass before, and its digest.
@lru_cache(maxsize=64)
def _inline(text: str, entry: str) -> Bundle | SourceProblem:
    content = text.encode("utf-8", "surrogatepass")
    if len(content) > INLINE_BYTES:
        message = f"spec.code.source.inline has {len(content)} bytes. The maximum is {INLINE_BYTES}. Use configMap."
        return SourceProblem(Reason.SOURCE_TOO_LARGE, message)
    return Bundle(entry, {entry: content})


def _from_config_map(source: ConfigMapSource, live: Manifest | None) -> Bundle | SourceProblem:
    where = f"ConfigMap {source.name}"
    if live is None:
        message = f"{where} does not exist. Create it, or correct spec.code.source.configMap.name."
        return SourceProblem(Reason.SOURCE_NOT_FOUND, message)
    if (live.get("metadata", {}).get("labels") or {}).get(LABEL_SOURCE) != "true":
        message = f'{where} has no label {LABEL_SOURCE}: "true". Add the label.'
        return SourceProblem(Reason.SOURCE_NOT_LABELLED, message)
    try:
        files = _files(live)
    except (ValueError, binascii.Error):
        message = f"{where} has binaryData that is not base64. Write it again."
        return SourceProblem(Reason.SOURCE_INVALID, message)
    items = source.items
    if items is not None:
        if fault := _unusable(items, files):
            return SourceProblem(Reason.SOURCE_INVALID, f"{where} {fault}")
        files = {item.path: files[item.key] for item in items}
    if len(files) > BUNDLE_FILES:
        message = f"{where} has {len(files)} files. The maximum is {BUNDLE_FILES}. Make the bundle smaller."
        return SourceProblem(Reason.SOURCE_TOO_LARGE, message)
    if fault := path_fault(files):
        return SourceProblem(Reason.SOURCE_INVALID, f"{where} has {fault}.")
    size = sum(len(content) for content in files.values())
    if size > SOURCE_BYTES:
        message = f"{where} has {size} bytes. The maximum is {SOURCE_BYTES}. Make the bundle smaller."
        return SourceProblem(Reason.SOURCE_TOO_LARGE, message)
    if source.entry not in files:
        missing = f"no key {source.entry}" if items is None else f"no item with the path {source.entry}"
        message = f"{where} has {missing}. Add it, or correct spec.code.source.configMap.entry."
        return SourceProblem(Reason.SOURCE_INVALID, message)
    return Bundle(source.entry, files)


def _unusable(items: Sequence[KeyToPath], files: Mapping[str, bytes]) -> str | None:
    """What is wrong with `items`. Each key counts once: else a small ConfigMap were a large bundle."""
    keys = Counter(item.key for item in items)
    paths = Counter(item.path for item in items)
    for key, times in keys.items():
        if key not in files:
            return f"has no key {key}. Add it, or remove it from spec.code.source.configMap.items."
        if times > 1:
            return f"has the key {key} twice in spec.code.source.configMap.items. Remove one of the two."
    for path, times in paths.items():
        if times > 1:
            return f"has the path {path} twice in spec.code.source.configMap.items. Correct one of the two."
    return None


def _files(live: Mapping[str, Any]) -> dict[str, bytes]:
    text = {name: content.encode() for name, content in (live.get("data") or {}).items()}
    binary = {name: base64.b64decode(data, validate=True) for name, data in (live.get("binaryData") or {}).items()}
    return {**text, **binary}
