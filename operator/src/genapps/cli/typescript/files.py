# SPDX-License-Identifier: Apache-2.0
"""The files of an app in TypeScript, as they are deployed: in JavaScript, under the names of JavaScript."""

from collections.abc import Mapping
from importlib.util import find_spec

from genapps.api.bundles import PUBLIC
from genapps.api.modules.javascript import SUFFIXES, TYPESCRIPT
from genapps.core.code.encoding import utf8_text

ENTRY = "app.ts"
"""The usual entry of an app in TypeScript."""
_BECOMES = {".ts": ".js", ".mts": ".mjs"}
_DECLARATIONS = (".d.ts", ".d.mts", ".d.cts")
_PACKAGES = ("tree_sitter", "tree_sitter_typescript")


def name_in_javascript(path: str) -> str:
    """What a file is called once its types are erased; another file keeps its name."""
    return _renamed(path, _BECOMES)


def name_in_typescript(path: str) -> str:
    """What a file of JavaScript was called before, if its types were erased."""
    return _renamed(path, {after: before for before, after in _BECOMES.items()})


def _renamed(path: str, suffixes: Mapping[str, str]) -> str:
    stem, dot, suffix = path.rpartition(".")
    return stem + suffixes.get(dot + suffix, dot + suffix)


def as_deployed(entry: str, files: Mapping[str, bytes]) -> tuple[str, Mapping[str, bytes]]:
    """The entry and the files of an app as a bundle has them: those of an app in TypeScript in JavaScript.

    Raises ValueError as `files_in_javascript` does.
    """
    name = name_in_javascript(entry)
    return (name, files_in_javascript(files)) if name.endswith(SUFFIXES) else (entry, files)


def files_in_javascript(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files by path, those in TypeScript without types: `lib/a.ts` becomes `lib/a.js`, `a.d.ts` is left out.

    Files below `public/` stay as they are. Raises ValueError for what cannot be made JavaScript, with file and line;
    where a file of the new name is there already; and where the packages of the extra `typescript` are not installed.
    """
    found: dict[str, bytes] = {}
    for path, content in files.items():
        if path.startswith(PUBLIC) or not path.endswith(TYPESCRIPT):
            found[path] = content
        elif not path.endswith(_DECLARATIONS):
            name = name_in_javascript(path)
            if name == path:
                msg = f"{path} cannot be made JavaScript here: {_why_not(path)}"
                raise ValueError(msg)
            if name in files:
                msg = f"{path} becomes {name}, which is there already; remove one of the two"
                raise ValueError(msg)
            found[name] = _erased(path, content)
    return found


def _why_not(path: str) -> str:
    if path.endswith(".cts"):
        return "apps are ES modules; name it .ts"
    return "JSX needs code to be made; bundle it, with `esbuild --bundle --format=esm`"


def _erased(path: str, content: bytes) -> bytes:
    if any(find_spec(package) is None for package in _PACKAGES):
        msg = f"{path} is TypeScript, which needs more packages: pip install 'genapps[typescript]'"
        raise ValueError(msg)
    from genapps.cli.typescript.erase import erase_types  # of the extra

    try:
        text = utf8_text(content)
    except ValueError as problem:
        msg = f"{path} {problem}"
        raise ValueError(msg) from None
    return erase_types(path, text).encode()
