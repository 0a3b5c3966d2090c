# SPDX-License-Identifier: Apache-2.0
"""The modules that apps may import beside their own files: a promise to authors that both planes know by contract.

`docs/contracts/python-modules.json` is written from it; the engine's list and the guide are checked against that.
"""

PYTHON_MODULES = (
    "__future__", "abc", "array", "ast", "asyncio", "base64", "binascii", "bisect", "calendar", "cmath", "collections",
    "collections.abc", "colorsys", "contextlib", "contextvars", "copy", "csv", "dataclasses", "datetime", "decimal",
    "difflib", "enum", "fnmatch", "fractions", "functools", "graphlib", "hashlib", "heapq", "hmac", "html",
    "html.parser", "http", "io", "ipaddress", "itertools", "json", "keyword", "math", "numbers", "operator", "pprint",
    "random", "re", "secrets", "shlex", "statistics", "string", "struct", "textwrap", "time", "tomllib", "traceback",
    "types", "typing", "unicodedata", "urllib.parse", "uuid", "warnings", "weakref", "xml.etree.ElementTree", "zlib",
)  # fmt: skip
"""What `import` finds beside the files of the app, and beside `genapps` itself."""

SDK = "genapps"
"""The module through which an app answers requests."""

WORKERS = "workers"
"""The module for apps in the form of a Worker: a class `Default` with `fetch`."""
