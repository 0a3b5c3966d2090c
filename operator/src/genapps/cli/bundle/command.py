# SPDX-License-Identifier: Apache-2.0
"""Reads the app and its packages, writes the bundle, and prints what the manifest of the app says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genapps.api.digests import INLINE_ENTRY, bundle_digest
from genapps.api.source import ConfigMapSource, Language
from genapps.cli.bundle.lock import read_lock
from genapps.cli.bundle.outputs import check_files, config_map, layer, write_folder
from genapps.cli.bundle.vendor import vendored
from genapps.cli.bundles import app_files
from genapps.cli.typescript.files import ENTRY, as_deployed, name_in_javascript
from genapps.core.code.languages import SCANS, language_of
from genapps.core.code.packages import VENDORED


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says.

    `output` is a folder or a file, `name` that of the ConfigMap, `entry` None for the usual one.
    """

    form: str
    output: Path
    entry: str | None
    name: str
    lock: Path
    packages: Sequence[str]
    without_native: Sequence[str]


def run(path: Path, options: Options) -> str:
    """Write the bundle of a folder; returns what to tell. Raises ValueError where there can be none."""
    left_out = (options.output.resolve(), options.lock.resolve())
    files = {file.relative_to(path).as_posix(): file.read_bytes() for file in app_files(path, left_out=left_out)}
    entry, language = _entry(path, files, options.entry)
    entry, deployed = as_deployed(entry, files)
    files = dict(deployed)
    if options.packages or options.without_native:
        if language is not Language.PYTHON:
            msg = f"--with takes packages of Python, and {entry} is {language}; bundle packages into it before"
            raise ValueError(msg)
        files |= _packages(path, files, options)
    check_files(files)
    fault = SCANS[language](entry, files)
    if fault is not None:
        raise ValueError(fault.message)
    return _write(files, entry, language, options)


def _entry(path: Path, files: Mapping[str, bytes], named: str | None) -> tuple[str, Language]:
    """The file that is loaded first, and its language."""
    usual = (*INLINE_ENTRY.values(), ENTRY)
    entry = named or next((name for name in usual if name in files), None)
    if entry is None or entry not in files:
        wanted = entry or f"{', '.join(usual[:-1])} or {usual[-1]}"
        msg = f"{path} has no file {wanted}; name the entry file with --entry"
        raise ValueError(msg)
    language = language_of(name_in_javascript(entry))
    if language is None:
        known = ".py, .js, .mjs, .ts, .mts or .wasm"
        msg = f"the entry {entry} is in no language that is known; name a file that ends in {known}"
        raise ValueError(msg)
    return entry, language


def _packages(path: Path, files: Mapping[str, bytes], options: Options) -> dict[str, bytes]:
    if any(name.startswith(VENDORED) for name in files):
        msg = f"{path} has a folder {VENDORED} already; remove it, or leave out --with"
        raise ValueError(msg)
    try:
        lock = read_lock(options.lock.read_text(encoding="utf-8"))
    except OSError as problem:
        msg = f"the lock {options.lock} cannot be read ({problem.strerror}); name it with --lock"
        raise ValueError(msg) from None
    except ValueError as problem:
        msg = f"the lock {options.lock}: {problem}"
        raise ValueError(msg) from None
    return vendored(options.packages, lock, options.without_native)


def _write(files: Mapping[str, bytes], entry: str, language: Language, options: Options) -> str:
    digest = bundle_digest(entry, files)
    told = f"{len(files)} files, {sum(map(len, files.values()))} bytes, digest {digest}\n"
    if options.form == "folder":
        write_folder(files, options.output)
        tops = " ".join(dict.fromkeys(path.partition("/")[0] for path in sorted(files)))
        named = "" if entry == INLINE_ENTRY[language] else f" --annotation dev.genapps.entry={entry}"
        return f"{told}To push it: cd {options.output} && oras push{named} REGISTRY/REPOSITORY:TAG {tops}\n"
    if options.form == "layer":
        options.output.write_bytes(layer(files))
        return told
    manifest, items = config_map(files, options.name)
    source: dict[str, Any] = {"name": options.name, "entry": entry} | ({"items": items} if items else {})
    ConfigMapSource.model_validate(source)  # a ValueError: for a name or an entry that a ConfigMap cannot have
    options.output.write_text(manifest, encoding="utf-8")
    code = {"code": {"language": str(language), "digest": digest, "source": {"configMap": source}}}
    return f"{told}In the app's spec:\n{yaml.safe_dump(code, sort_keys=False)}"
