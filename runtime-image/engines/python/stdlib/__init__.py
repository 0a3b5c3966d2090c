# SPDX-License-Identifier: Apache-2.0
"""Python's standard library as apps get it: what is imported, what is kept for later, and what stands in for the rest.

All of it is put into the engine's memory while the engine is built, for the finished engine has no files.
"""

import builtins
import email
import importlib
import io
import os
import sys
from pathlib import Path
from typing import Any

from stdlib import listed, stored, zones
from stdlib.replacing import Replacements

# Loaded in every instance: what generated code imports often. Its memory is shared until somebody writes to it.
PRELOADED = (
    "__future__", "_strptime", "abc", "argparse", "array", "ast", "base64", "binascii", "bisect", "calendar", "cmath",
    "collections", "collections.abc", "colorsys", "concurrent.futures", "concurrent.futures.thread", "contextlib",
    "contextvars", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "email", "email.header",
    "email.message", "email.mime.application", "email.mime.multipart", "email.mime.text", "email.parser",
    "email.policy", "email.utils", "encodings.ascii", "encodings.cp1252", "encodings.idna", "encodings.latin_1",
    "encodings.utf_16", "encodings.utf_8_sig", "enum", "fnmatch", "fractions", "functools", "getpass", "glob",
    "graphlib", "gzip", "hashlib", "heapq", "hmac", "html", "html.parser", "http", "http.client", "http.cookies",
    "importlib.resources", "inspect", "io", "ipaddress", "itertools", "json", "keyword", "linecache", "locale",
    "logging", "logging.config", "logging.handlers", "math", "mimetypes", "numbers", "operator", "os", "pathlib",
    "pickle", "platform", "pprint", "queue", "random", "re", "secrets", "shlex", "shutil", "smtplib", "socket",
    "statistics", "string", "string.templatelib", "stringprep", "struct", "sys", "tempfile", "textwrap", "threading",
    "time", "tokenize", "tomllib", "traceback", "types", "typing", "unicodedata", "urllib.error", "urllib.parse",
    "urllib.request", "uuid", "warnings", "weakref", "xml.etree.ElementTree", "zipfile", "zlib", "zoneinfo",
)  # fmt: skip
_LAYERS = (
    "fastapi", "fastapi.calling", "fastapi.params", "fastapi.responses", "fastapi.routing", "fastapi.status",
    "pydantic", "pydantic.checks", "pydantic.errors", "pydantic.fields", "pydantic.models", "sqlite3",
    "sqlite3.columns", "sqlite3.connection", "sqlite3.cursor", "sqlite3.databases", "sqlite3.dbapi2", "sqlite3.errors",
    "sqlite3.pragmas", "sqlite3.rows", "sqlite3.texts", "sqlite3.transactions", "sqlite3.values",
)  # fmt: skip
_NATIVE_NOT = frozenset({"_asyncio", "_sqlite3", "componentize_py_runtime", "faulthandler"})
_LARGE = frozenset({"_pydatetime", "_pydecimal", "_pyio", "_pyrepl"})  # the engine has these in C
_OWN = frozenset({"sqlite3"})  # the engine has one of its own


def prepare() -> None:
    """Load, keep and replace. Runs once, when everything of the engine itself is imported."""
    # Modules look for these when they are loaded.
    os.fork = None  # type: ignore[assignment]
    sys.modules["ssl"] = importlib.import_module("stdlib.ssl")
    for name in (*PRELOADED, *(name for name in sys.builtin_module_names if name not in _NATIVE_NOT)):
        builtins.__import__(name)
    zones.keep()
    library = Path(email.__file__).parents[1]  # `os` is frozen and says nothing true
    stored.keep(library, _to_keep(library))
    stored.keep(Path(__file__).parents[1], _LAYERS)
    _install()


def _to_keep(library: Path) -> list[str]:
    """All modules below a folder that apps may import, and the private ones that these may need."""
    found = []
    for file in sorted(library.rglob("*.py")):
        parts = list(file.relative_to(library).with_suffix("").parts)
        if parts[-1] == "__init__":
            del parts[-1]
        name = ".".join(parts)
        refused = name not in listed.FOR_PACKAGES and listed.refused(name)
        if parts and "test" not in parts and parts[0] not in _LARGE | _OWN and not refused and parts[-1] != "__main__":
            found.append(name)
    return found


def _install() -> None:
    """Replace what would end the instance, or look for what is not there."""
    import posix

    from stdlib import clocks, file_objects, log_records, os_functions, passwords, printing, sockets, threads

    replacements = Replacements()
    for name, function in os_functions.FUNCTIONS.items():
        replacements.put(posix, name, function)
        setattr(os, name, function)
    replacements.add(builtins.open, file_objects.open_file)
    replacements.add(io.FileIO, file_objects.FileIO)
    replacements.add(io.open_code, lambda path: file_objects.open_file(path, "rb"))
    replacements.add(builtins.print, printing.print_line)
    clocks.install(replacements.add)
    threads.install(replacements.add)
    sockets.install(replacements.add)
    replacements.carry_out()
    for supported in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        supported.clear()
    os.environ.clear()
    log_records.install()
    passwords.install()
    sys.stdin = sys.__stdin__ = io.StringIO()  # type: ignore[misc, assignment]


def enter(entry: str, files: dict[str, Any]) -> None:
    """Show an app its files, before it is loaded. `files` is explained at `tree.mount`."""
    from stdlib import tree

    sys.argv[:] = [entry]
    tree.mount(files)
