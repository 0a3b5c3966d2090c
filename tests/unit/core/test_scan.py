# SPDX-License-Identifier: Apache-2.0
"""The look at code before a revision is accepted: what fails for certain is found, what may work is left alone."""

import ast
import asyncio
import email
import json
import unittest
from pathlib import Path
from types import ModuleType

import pytest

from genapps.api.modules import PYTHON_MODULES
from genapps.api.reasons import Reason
from genapps.core.code.imports import MOST, certain_imports
from genapps.core.code.lines import logical_lines
from genapps.core.code.scan import scan_python

PERMITTED = [
    ("the documented list", "".join(f"import {name}\n" for name in PYTHON_MODULES)),
    ("the platform's own module", "from genapps import app, state\n"),
    ("packages of listed modules", "import urllib\nfrom xml import etree\nfrom xml.etree import ElementTree as tree\n"),
    ("parts of a listed package", "from html import parser\nfrom collections import abc, deque\n"),
    ("an optional module", "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n"),
    ("an optional module, on two lines", "try: import numpy\nexcept Exception: numpy = None\n"),
    ("an optional module, any error", "try:\n    import numpy\nexcept:\n    pass\n"),
    (
        "an optional module among errors",
        "try:\n  import numpy\nexcept ValueError: 0\nexcept (KeyError, ImportError): 0\n",
    ),
    ("an optional module in a try within", "try:\n try:\n  import numpy\n finally:\n  0\nexcept ImportError: 0\n"),
    ("an error class of the app's own", "try:\n    import numpy\nexcept Missing as ValueError:\n    pass\n"),
    ("a suppressed error", "with suppress(ImportError):\n    import numpy\n"),
    ("an import in a function", "def f():\n    import numpy\nasync def g(): import numpy\n"),
    ("an import under a condition", "if TYPE_CHECKING:\n    from numpy import array\nelse:\n    import scipy\n"),
    ("the word in a string", "x = '''\nimport numpy\n'''\ny = 'import numpy'\n# import numpy\n"),
    ("the word in an f-string", "x = f'''\nimport numpy {'''\nimport numpy'''}\n'''\n"),
    ("syntax of the guest's Python", "try: x = t'{1:>{2}}'\nexcept ValueError, KeyError: 0\nx = f'{'a'}'\n"),
    ("yield from and raise from", "def f():\n    yield from x\n    raise A from B\n"),
    ("no code at all", "\ufeff\r\n# nothing\r"),
]
FOUND = [
    ("a module that is not listed", "import math, numpy as n\n", "numpy (app.py, line 1)"),
    ("a member of it", "from numpy.linalg import norm\n", "numpy.linalg (app.py, line 1)"),
    ("names in brackets", "from numpy import (\n    a,  # b\n    c as d,\n)\n", "numpy (app.py, line 1)"),
    ("after a semicolon", "x = 1; import numpy; y = 2\n", "numpy (app.py, line 1)"),
    ("after a continued line", "import \\\n  numpy\n", "numpy (app.py, line 1)"),
    ("after a string of many lines", "x = '''\n\n'''\nimport numpy\n", "numpy (app.py, line 4)"),
    ("in a class", "class A:\n    import numpy\n", "numpy (app.py, line 2)"),
    ("after a function", "def f():\n    pass\nimport numpy\n", "numpy (app.py, line 3)"),
    (
        "in a try that catches something else",
        "try:\n    import numpy\nexcept ValueError:\n    0\n",
        "numpy (app.py, line 2)",
    ),
    ("in a finally", "try:\n    0\nexcept ImportError:\n    0\nfinally:\n    import numpy\n", "numpy (app.py, line 6)"),
    ("a part of a package that is refused", "from http import server\n", "http.server (app.py, line 1)"),
    ("a relative import of nothing", "from . import words\n", ". (app.py, line 1)"),
    ("a relative import of a listed module", "from .json import loads\n", ".json (app.py, line 1)"),
    ("all of a module", "from numpy import *\n", "numpy (app.py, line 1)"),
    ("many", "import a, b, c, d, e\n", "a (app.py, line 1), b (app.py, line 1), c (app.py, line 1) and 2 more"),
]
BROKEN = [
    ("an open bracket", "x = 1\ny = [(1)\n", 2, "'[' was never closed"),
    ("a bracket too many", "x = 1)\n", 1, "unmatched ')'"),
    ("brackets that do not fit", "x = (1]\n", 1, "']' does not match"),
    ("an open string", "x = 1\ny = 'a\n'\n", 2, "unterminated string"),
    ("an open text", '"""a\n\n', 1, "unterminated string"),
    ("an open f-string", "f'{x}\n'\n", 1, "unterminated f-string"),
    ("an open field", "f'{x'\n", 1, "unterminated"),
    ("an f-string with half a brace", "f'}'\n", 1, "single '}'"),
    ("an open format", "f'{x:>3'\n", 1, "expecting '}'"),
    ("a stray backslash", "x = \\ 1\n", 1, "line continuation"),
    ("a backslash at the end", "x = \\", 1, "unexpected end of file"),
    ("a null byte", "x = 1\n\0", 2, "null bytes"),
    ("a body that is not there", "def f():\nx = 1\n", 2, "expected an indented block"),
    ("an indent too many", "x = 1\n  y = 1\n", 2, "unexpected indent"),
    ("an indent that fits nothing", "if x:\n    a\n  b\n", 3, "unindent does not match"),
    ("brackets without end", "(" * 1000, 1, "too many nested parentheses"),
    ("blocks without end", "".join(" " * depth + "if x:\n" for depth in range(200)), 101, "too many levels"),
    ("imports without end", "import " + ",".join(f"m{n}" for n in range(MOST + 1)), 1, "different imports"),
]
HUGE = 1024 * 1024


@pytest.mark.parametrize("source", [row[1] for row in PERMITTED], ids=[row[0] for row in PERMITTED])
def test_what_may_load_is_left_alone(source: str) -> None:
    assert scan_python("app.py", {"app.py": source.encode()}) is None


@pytest.mark.parametrize(("source", "says"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_a_missing_module_is_named_with_its_place_and_the_way_to_the_list(source: str, says: str) -> None:
    found = scan_python("app.py", {"app.py": source.encode()})
    assert found is not None
    assert found.reason is Reason.MODULE_NOT_AVAILABLE
    assert found.message.startswith(f"Module not available to apps: {says}. ")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "import requests",
            (
                "Apps reach the network through connectors only: `await tools.call(connector, tool, ...)`, or "
                "`tools.call_sync(...)` in synchronous code."
            ),
        ),
        ("import subprocess", "Apps have no processes. Write the work as a function, or call a tool"),
        ("from multiprocessing.pool import Pool", "Apps have no processes. Write the work"),
        ("from xmlrpc import server", "The platform serves the app."),
        ("import _socket", "It is private to Python. Import the public module."),
        ("import nothing", "Run `genapps modules` for the list."),
        ("import pandas, ctypes", "Packages with native code do not run in apps."),
    ],
)
def test_a_missing_module_comes_with_what_to_use_in_its_place(source: str, sentence: str) -> None:
    found = scan_python("app.py", {"app.py": source.encode()})
    assert found is not None
    assert f"line 1). {sentence}" in found.message


@pytest.mark.parametrize(("source", "line", "says"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_code_that_no_python_can_compile_is_rejected_with_its_line(source: str, line: int, says: str) -> None:
    found = scan_python("app.py", {"app.py": source.encode()})
    assert found is not None
    assert found.reason is Reason.CODE_REJECTED
    assert found.message.startswith(f"app.py, line {line}: ")
    assert says in found.message
    if "imports" not in says:
        with pytest.raises((SyntaxError, ValueError)):
            ast.parse(source)


def test_files_of_the_app_are_followed_and_others_are_not_read() -> None:
    files = {
        "app.py": b"import words\nfrom .numbers2 import one\n",
        "words.py": b"import numpy\n",
        "numbers2.py": b"import app\n",
        "test_app.py": b"import pytest\nprint(\n",
        "data.csv": b"\xff",
    }
    found = scan_python("app.py", files)
    assert found is not None
    assert "numpy (words.py, line 1)." in found.message
    assert scan_python("app.py", files | {"words.py": b"from words import x\n"}) is None


def test_a_file_of_the_app_hides_a_module_of_its_name() -> None:
    assert scan_python("app.py", {"app.py": b"import numpy\n", "numpy.py": b""}) is None


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("import pkg", "pkg/__init__.py"),
        ("import pkg.sub.mod", "pkg/sub/mod.py"),
        ("import pkg.sub.mod", "pkg/__init__.py"),
        ("from pkg.sub import mod", "pkg/sub/mod.py"),
        ("from pkg import nothing", "pkg/__init__.py"),
        ("import inner", "pkg/near.py"),
    ],
)
def test_packages_of_the_app_are_followed(source: str, file: str) -> None:
    files = {
        "app.py": f"{source}\n".encode(),
        "inner.py": b"from pkg import reached\n",
        "pkg/__init__.py": b"",
        "pkg/sub/mod.py": b"",
        "pkg/near.py": b"",
        "pkg/reached.py": b"from .near import x\n",
    }
    assert scan_python("app.py", files) is None
    found = scan_python("app.py", files | {file: b"import numpy\n"})
    assert found is not None
    assert f"numpy ({file}, line 1)" in found.message
    assert (found.file, found.line) == (file, 1)


def test_a_relative_import_in_a_package_is_of_the_package() -> None:
    files = {"app.py": b"import pkg.deep.mod\n", "pkg/deep/mod.py": b"from ..near import x\nfrom . import y\n"}
    files |= {"pkg/near.py": b"", "pkg/deep/y.py": b"import numpy\n"}
    found = scan_python("app.py", files)
    assert found is not None
    assert "numpy (pkg/deep/y.py, line 1)" in found.message
    beyond = scan_python("app.py", {"app.py": b"import pkg.mod\n", "pkg/mod.py": b"from ...far import x\n"})
    assert beyond is not None
    assert "...far (pkg/mod.py, line 1)" in beyond.message


def test_what_a_package_may_make_of_itself_is_left_alone() -> None:
    files = {"app.py": b"from six.moves import range\n"}
    assert (
        scan_python("app.py", files | {"six/__init__.py": b"import sys\nsys.modules[__name__ + '.moves'] = sys\n"})
        is None
    )
    assert scan_python("app.py", files | {"six/__init__.py": b""}) is not None


def test_files_that_are_served_are_no_code() -> None:
    served = {"public/broken.py": b"\xff", "public/__init__.py": b"import numpy\n"}
    assert scan_python("app.py", {"app.py": b"", **served}) is None
    found = scan_python("app.py", {"app.py": b"import public\n", **served})
    assert found is not None
    assert found.reason is Reason.MODULE_NOT_AVAILABLE


def test_no_more_is_scanned_than_a_megabyte() -> None:
    files = {"app.py": b"import a, b\n", "a.py": b"#" * HUGE, "b.py": b"import numpy\n"}
    assert scan_python("app.py", files) is None
    assert scan_python("app.py", files | {"a.py": b"#" * (HUGE - 100)}) is not None


@pytest.mark.parametrize(
    ("entry", "files", "says"),
    [
        ("main", {"main": b""}, "ends in .py"),
        ("app.py", {"app.py": b"", "words.py": b"a\xff"}, "words.py is not UTF-8 text (byte 1)"),
    ],
)
def test_files_that_the_runtime_cannot_read_as_code_are_rejected(
    entry: str, files: dict[str, bytes], says: str
) -> None:
    found = scan_python(entry, files)
    assert found is not None
    assert found.reason is Reason.CODE_REJECTED
    assert says in found.message


def test_names_are_shown_plainly_and_cut() -> None:
    found = scan_python("app.py", {"app.py": f"import {'x' * 5000}, \u202eevil\n".encode()})
    assert found is not None
    assert len(found.message) < 1000
    assert "\u202e" not in found.message


@pytest.mark.parametrize(
    "unit", ["()", "''", "f'{a}'\n", "a\\\n", "import math\n", "if x:", "{" * 3, "\\'", "import a;"]
)
def test_a_megabyte_of_anything_ends(unit: str) -> None:
    source = (unit * (HUGE // len(unit) + 1))[:HUGE]
    found = scan_python("app.py", {"app.py": source.encode()})
    assert found is None or found.reason in (Reason.CODE_REJECTED, Reason.MODULE_NOT_AVAILABLE)


def _folder(package: ModuleType) -> Path:
    return Path(str(package.__file__)).parent


@pytest.mark.parametrize("package", [asyncio, email, json, unittest], ids=lambda package: str(package.__name__))
def test_it_agrees_with_pythons_own_parser(package: ModuleType) -> None:
    files = sorted(_folder(package).glob("*.py"))
    assert files
    for file in files:
        source = file.read_text(encoding="utf-8")
        found = {(one.module, one.level, one.name) for one in certain_imports(source)}
        assert found == set(_expected(ast.parse(source).body)), file.name


def _expected(body: list[ast.stmt]) -> list[tuple[str, int, str | None]]:
    found: list[tuple[str, int, str | None]] = []
    for statement in body:
        match statement:
            case ast.Import(names):
                found += [(name.name, 0, None) for name in names]
            case ast.ImportFrom(module, names, level):
                found += [(module or "", level, name.name) for name in names]
            case ast.ClassDef():
                found += _expected(statement.body)
            case ast.Try(inner, handlers, _, final):
                guarded = any(_names_import_error(handler) for handler in handlers)
                found += _expected([*([] if guarded else inner), *final])
    return found


def _names_import_error(handler: ast.ExceptHandler) -> bool:
    names = [node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)] if handler.type else []
    return not names or not {"ImportError", "Exception", "BaseException"}.isdisjoint(names)


def test_lines_are_logical_and_without_strings() -> None:
    lines = list(logical_lines('x = f\'a{(b, "#")!r:>{c}}\' # d\nif y:\n\tz(1,\n\n  "é")\n'))
    assert [(line.number, line.indent, line.code.split()) for line in lines] == [
        (1, 0, ["x", "=", "'"]),
        (2, 0, ["if", "y:"]),
        (3, 8, ["z(1,", "')"]),
    ]
