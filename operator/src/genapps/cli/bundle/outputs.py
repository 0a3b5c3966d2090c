# SPDX-License-Identifier: Apache-2.0
"""The forms of a bundle: a folder, a ConfigMap, a layer of an image. Equal files make equal bytes."""

import base64
import gzip
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from genapps.api.bundles import BUNDLE_BYTES, BUNDLE_FILES, most_bytes, path_fault
from genapps.api.names import LABEL_SOURCE
from genapps.api.source import SOURCE_BYTES

_KEY_CHARACTERS = 253
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def check_files(files: Mapping[str, bytes]) -> None:
    """Raises ValueError for files that no bundle can have."""
    if fault := path_fault(files):
        msg = f"the bundle has {fault}"
        raise ValueError(msg)
    for path, content in files.items():
        if len(content) > (most := most_bytes(path)):
            msg = f"{path} has {len(content)} bytes; the maximum of a file is {most}"
            raise ValueError(msg)
    size = sum(len(content) for content in files.values())
    if len(files) > BUNDLE_FILES or size > BUNDLE_BYTES:
        msg = f"the bundle has {len(files)} files and {size} bytes; the maximum is {BUNDLE_FILES} and {BUNDLE_BYTES}"
        raise ValueError(msg)


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write them into a new folder, or an empty one. Raises ValueError for another one."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} exists and is no empty folder; name another one"
        raise ValueError(msg)
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def config_map(files: Mapping[str, bytes], name: str) -> tuple[str, list[dict[str, str]]]:
    """The manifest of a ConfigMap, and the `items` with the path of each key; none where the keys are the paths.

    Raises ValueError for more than a ConfigMap holds.
    """
    size = sum(len(content) for content in files.values())
    if size > SOURCE_BYTES:
        msg = f"the bundle has {size} bytes; the maximum of a ConfigMap is {SOURCE_BYTES}; use --form layer or folder"
        raise ValueError(msg)
    keys = keys_of(list(files))
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for path, content in files.items():
        text = text_in_yaml(content)
        if text is None:
            binary[keys[path]] = base64.b64encode(content).decode()
        else:
            data[keys[path]] = text
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {LABEL_SOURCE: "true"}},
    }
    manifest |= {part: held for part, held in (("data", data), ("binaryData", binary)) if held}
    items = [{"key": key, "path": path} for path, key in keys.items() if key != path]
    whole = [{"key": key, "path": path} for path, key in keys.items()]
    return as_yaml(manifest), whole if items else []


def as_yaml(manifest: dict[str, Any]) -> str:
    """The text of a manifest, with texts of several lines as they are, where YAML can."""
    return yaml.dump(manifest, Dumper=_Literal, sort_keys=False, allow_unicode=True)


def keys_of(paths: list[str]) -> dict[str, str]:
    """The key of each path: the path itself, or where one has folders its position and the name of the file."""
    if not any("/" in path for path in paths):
        return {path: path for path in paths}
    width = len(str(len(paths) - 1))
    return {
        path: f"{place:0{width}}-{path.rpartition('/')[2]}"[:_KEY_CHARACTERS]
        for place, path in enumerate(sorted(paths))
    }


def layer(files: Mapping[str, bytes]) -> bytes:
    """A tar archive compressed with gzip, without times and owners."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(files[path]), 0o644
            archive.addfile(member, io.BytesIO(files[path]))
    return gzip.compress(packed.getvalue(), mtime=0)


def text_in_yaml(content: bytes) -> str | None:
    """As people can read it in YAML; None for what is no text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if _CONTROLS.search(text) or "\ufeff" in text else text


class _Literal(yaml.SafeDumper):
    """Writes texts of several lines as they are, where YAML can."""


def _as_literal(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Literal.add_representer(str, _as_literal)
