# SPDX-License-Identifier: Apache-2.0
"""Can this JavaScript load? An early judgement, as that of Python: only what fails for certain is found."""

from collections.abc import Mapping

from genapps.api.bundles import PUBLIC
from genapps.api.modules.javascript import SUFFIXES, TYPESCRIPT, in_place_of
from genapps.core.code.encoding import utf8_text
from genapps.core.code.javascript.imports import Import, imports_of
from genapps.core.code.problems import missing, rejected
from genapps.core.observed import SourceProblem
from genapps.core.text import plain

SCANNED_CHARACTERS = 1024 * 1024
"""Of the files that are followed: hostile text takes two seconds for as many. Nothing is said about what comes then."""

NO_REQUIRE = "Apps are ES modules and have no `require`: write `import`, and `export default {...}`."
_ADDRESS = "?#%\\"
"""With one of these a specifier is no mere path: the engine says what it thinks of it."""


def scan_javascript(entry: str, files: Mapping[str, bytes]) -> SourceProblem | None:
    """Why a bundle of ES modules certainly does not load, with file and line; None where nothing is certain."""
    if entry.endswith(TYPESCRIPT):
        return rejected(f"The entry {entry} is TypeScript. `genapps bundle` makes JavaScript of it.")
    if not entry.endswith(SUFFIXES):
        return rejected(f"The entry {entry} is not a JavaScript module. Name a file that ends in .js or .mjs.")
    executed, known, left = [entry], {entry}, SCANNED_CHARACTERS
    for file in executed:
        try:
            text = utf8_text(files[file])
        except ValueError as error:
            return rejected(f"{file} {error}.", file, 1)
        left -= len(text)
        if left < 0 and file != entry:
            return None
        found = imports_of(text)
        lacking = [(one, instead) for one in found.imports if (instead := _lack(files, file, one)) is not None]
        if file == entry:  # the first file to run: nothing can have made a `require`
            lacking += [(one, NO_REQUIRE) for one in found.required]
        if lacking:
            places = dict.fromkeys(f"{plain(one.specifier, 60)} ({file}, line {one.line})" for one, _ in lacking)
            return missing([*places], lacking[0][1], file, lacking[0][0].line)
        for one in found.imports:
            path = resolved(file, one.specifier)
            if path is not None and path.endswith(SUFFIXES) and path not in known:
                known.add(path)
                executed.append(path)
    return None


def resolved(file: str, specifier: str) -> str | None:
    """The path in the bundle that a relative specifier in `file` names; None for what names none."""
    if not specifier.startswith(("./", "../")) or any(letter in specifier for letter in _ADDRESS):
        return None
    parts = file.split("/")[:-1]
    for part in specifier.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _lack(files: Mapping[str, bytes], file: str, one: Import) -> str | None:
    """Why an import fails for certain: what to use in its place. None: it may work."""
    specifier = one.specifier
    if not specifier.startswith((".", "/")):
        return in_place_of(specifier) if specifier else None
    path = resolved(file, specifier)
    if path is None:
        return None
    if path.startswith(PUBLIC):
        return f"Files in {PUBLIC} are served, and are no code. Put the module elsewhere."
    if path in files:
        return None  # also TypeScript: without types it is JavaScript
    meant = next((f"{specifier}{end}" for end in (*SUFFIXES, "/index.js") if f"{path}{end}" in files), None)
    return f"The bundle has no file {plain(path, 100)}. " + (
        f"Write {plain(meant, 100)}." if meant else "Add it, or correct the path."
    )
