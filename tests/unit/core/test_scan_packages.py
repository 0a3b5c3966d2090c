# SPDX-License-Identifier: Apache-2.0
"""The look at code with folders: which files an import runs, and how much of hostile code is looked at.

`tests/runtime/package_cases.py` has the bundles that the engine judges too.
"""

import pytest

from genapps.api.modules import FOR_PACKAGES, PYTHON_MODULES
from genapps.core.code.imports import MOST
from genapps.core.code.packages import LONGEST, READ_CHARACTERS
from genapps.core.code.scan import SCANNED_CHARACTERS, scan_python

BAD = b"import numpy\n"


@pytest.mark.parametrize(
    ("imports", "file"),
    [
        ("import pkg", "pkg/__init__.py"),
        ("import pkg.sub.mod", "pkg/__init__.py"),
        ("import pkg.sub.mod", "pkg/sub/mod.py"),
        ("from pkg.sub import mod", "pkg/sub/mod.py"),
        ("from pkg import near", "pkg/near.py"),
        ("from pkg import nothing", "pkg/__init__.py"),
        ("import other", "site-packages/other.py"),
    ],
)
def test_the_files_that_an_import_runs_are_followed(imports: str, file: str) -> None:
    files = {"app.py": f"{imports}\n".encode(), "pkg/__init__.py": b"", "pkg/near.py": b"", "pkg/sub/mod.py": b""}
    files["site-packages/other.py"] = b""
    assert scan_python("app.py", files) is None
    found = scan_python("app.py", files | {file: BAD})
    assert found is not None
    assert (found.file, found.line) == (file, 1)
    assert f"numpy ({file}, line 1)" in found.message


@pytest.mark.parametrize(
    ("package", "followed"),
    [(b"x = 1\n", True), (b"near = 1\n", False), (b"from .far import *\n", False), (b"def __getattr__(n): 0\n", False)],
)
def test_a_module_is_followed_unless_its_package_may_have_the_name_itself(package: bytes, followed: bool) -> None:
    files = {"app.py": b"from pkg import near\n", "pkg/__init__.py": package, "pkg/near.py": BAD, "pkg/far.py": b""}
    assert (scan_python("app.py", files) is not None) is followed


def test_a_package_that_imports_its_own_module_runs_it() -> None:
    files = {"app.py": b"import pkg\n", "pkg/__init__.py": b"from . import near\n", "pkg/near.py": BAD}
    assert scan_python("app.py", files) is not None
    assert scan_python("app.py", files | {"pkg/__init__.py": b"near = 1\nfrom . import near\n"}) is None


@pytest.mark.parametrize("name", [*PYTHON_MODULES, *FOR_PACKAGES, "_private"])
def test_packages_import_what_the_engine_has(name: str) -> None:
    files = {"app.py": b"import pkg\n", "site-packages/pkg.py": f"import {name}\nfrom {name} import *\n".encode()}
    assert scan_python("app.py", files) is None


def test_a_relative_import_beyond_the_top_is_found() -> None:
    found = scan_python("app.py", {"app.py": b"import pkg.mod\n", "pkg/mod.py": b"from ...far import x\n"})
    assert found is not None
    assert "...far (pkg/mod.py, line 1)" in found.message


def test_no_more_is_scanned_than_a_megabyte() -> None:
    files = {"app.py": b"import a, b\n", "a.py": b"#" * SCANNED_CHARACTERS, "b.py": BAD}
    assert scan_python("app.py", files) is None
    assert scan_python("app.py", files | {"a.py": b"#" * (SCANNED_CHARACTERS - 100)}) is not None


def test_no_more_words_of_packages_are_kept_than_of_a_megabyte() -> None:
    first, second = b"core = 1\n", b"x = 1\n"
    files = {"app.py": b"from first import core\nfrom second import core\n", "second/__init__.py": second}
    files |= {"first/core.so": b"\0", "second/core.so": b"\0"}
    fits = first.ljust(READ_CHARACTERS - len(second), b"#")
    found = scan_python("app.py", files | {"first/__init__.py": fits})
    assert found is not None
    assert "second/core.so is native code" in found.message
    assert scan_python("app.py", files | {"first/__init__.py": fits + b"#"}) is None


def test_hostile_names_and_packages_end() -> None:
    many = "".join(f"import pkg.x{number}\nfrom pkg import y{number}\n" for number in range(MOST // 2)).encode()
    files = {"app.py": many, "pkg/__init__.py": b"z" * SCANNED_CHARACTERS}
    found = scan_python("app.py", files)
    assert found is not None
    assert "pkg.x0 (app.py, line 1)" in found.message
    dots = ".".join(["a"] * (SCANNED_CHARACTERS // 2)).encode()
    found = scan_python("app.py", {"app.py": b"import " + dots + b"\n", "a/a.py": b""})
    assert found is not None
    assert len(found.message) < LONGEST * 2
