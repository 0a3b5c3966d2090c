# SPDX-License-Identifier: Apache-2.0
"""Reads the app and its packages, writes the bundle, and prints what the manifest of the app says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genapps.api.digests import bundle_digest
from genapps.api.source import ConfigMapSource
from genapps.cli.bundle.lock import read_lock
from genapps.cli.bundle.outputs import check_files, config_map, layer, write_folder
from genapps.cli.bundle.vendor import vendored
from genapps.cli.bundles import app_files
from genapps.core.code.packages import VENDORED
from genapps.core.code.scan import scan_python


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. `output` is a folder or a file, `name` that of the ConfigMap."""

    form: str
    output: Path
    entry: str
    name: str
    lock: Path
    packages: Sequence[str]
    without_native: Sequence[str]


def run(path: Path, options: Options) -> str:
    """Write the bundle of a folder; returns what to tell. Raises ValueError where there can be none."""
    left_out = (options.output.resolve(), options.lock.resolve())
    files = {file.relative_to(path).as_posix(): file.read_bytes() for file in app_files(path, left_out=left_out)}
    if options.packages or options.without_native:
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
        files |= vendored(options.packages, lock, options.without_native)
    if options.entry not in files:
        msg = f"{path} has no file {options.entry!r}; name the entry file with --entry"
        raise ValueError(msg)
    check_files(files)
    fault = scan_python(options.entry, files)
    if fault is not None:
        raise ValueError(fault.message)
    return _write(files, options)


def _write(files: dict[str, bytes], options: Options) -> str:
    digest = bundle_digest(options.entry, files)
    told = f"{len(files)} files, {sum(map(len, files.values()))} bytes, digest {digest}\n"
    if options.form == "folder":
        write_folder(files, options.output)
        tops = " ".join(dict.fromkeys(path.partition("/")[0] for path in sorted(files)))
        return f"{told}To push it: cd {options.output} && oras push{_entry(options)} REGISTRY/REPOSITORY:TAG {tops}\n"
    if options.form == "layer":
        options.output.write_bytes(layer(files))
        return told
    manifest, items = config_map(files, options.name)
    source: dict[str, Any] = {"name": options.name, "entry": options.entry} | ({"items": items} if items else {})
    ConfigMapSource.model_validate(source)  # a ValueError: for a name or an entry that a ConfigMap cannot have
    options.output.write_text(manifest, encoding="utf-8")
    code = {"code": {"language": "python", "digest": digest, "source": {"configMap": source}}}
    return f"{told}In the app's spec:\n{yaml.safe_dump(code, sort_keys=False)}"


def _entry(options: Options) -> str:
    return "" if options.entry == "app.py" else f" --annotation dev.genapps.entry={options.entry}"
