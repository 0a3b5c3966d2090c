# SPDX-License-Identifier: Apache-2.0
"""Packages in a bundle: imported as from a folder, compiled when they are imported, refused with the file's name."""

import json
from pathlib import Path
from typing import Any

import pytest

from genapps.api.modules import FOR_PACKAGES
from genapps.api.modules import REFUSED as REFUSED_MODULES
from genapps.core.code.scan import scan_python
from genapps_runtime.guest.engine import Language
from genapps_runtime.termination import RefusedError
from tests.runtime.package_cases import APP, LOADS, REFUSED, TELL, VENDORED, bytes_of, entry_of
from tests.support.guest import AppInEngine
from tests.support.packages import installed

Files = dict[str, str | bytes]


@pytest.fixture(scope="module")
def language(engine: Path) -> Language:
    return Language(str(engine))


@pytest.mark.parametrize(("files", "answer"), [row[1:] for row in LOADS], ids=[row[0] for row in LOADS])
def test_a_bundle_with_folders_is_imported_as_from_a_folder(language: Language, files: Files, answer: Any) -> None:
    assert scan_python(entry_of(files), bytes_of(files)) is None
    app = AppInEngine(language, bytes_of(files), entry_of(files))
    answered = app.call("GET", "/")
    assert answered.status == 200, answered.detail
    assert (json.loads(answered.body) if not isinstance(answer, str) else answered.body.decode()) == answer
    app.guest.drop()


@pytest.mark.parametrize(("files", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_a_bundle_lacks_is_refused_with_its_file(language: Language, files: Files, said: tuple[str, str]) -> None:
    reason, words = said
    with pytest.raises(RefusedError) as refused:
        AppInEngine(language, bytes_of(files), entry_of(files))
    assert (refused.value.reason.value, words in refused.value.message) == (reason, True), refused.value.message


@pytest.mark.parametrize(("files", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_the_operator_sees_it_before(files: Files, said: tuple[str, str]) -> None:
    reason, words = said
    found = scan_python(entry_of(files), bytes_of(files))
    assert found is not None
    assert (found.reason.value, words in found.message) == (reason, True), found.message


def test_an_error_in_a_package_shows_its_lines_in_the_trace(language: Language) -> None:
    files: Files = {"app.py": f"{APP}import pkg.a\n{TELL}pkg.a.fail()\n", "pkg/__init__.py": "",
                    "pkg/a.py": "# gr\u00fc\u00df\ndef fail():\n    return 1 / 0  # here\n"}  # fmt: skip
    app = AppInEngine(language, bytes_of(files))
    answered = app.call("GET", "/")
    assert 'File "pkg/a.py", line 3, in fail\n    return 1 / 0  # here\n' in answered.trace


def test_only_the_apps_own_files_get_advice(language: Language) -> None:
    changes = "seen = []\ndef add():\n    seen.append(1)\n"
    files: Files = {"app.py": f"{APP}import inner.a, other\n{TELL}1\n", "inner/a.py": changes,
                    "inner/never.py": changes, "site-packages/other.py": changes}  # fmt: skip
    app = AppInEngine(language, bytes_of(files))
    assert [record["fields"]["file"] for record in app.log] == ["inner/a.py"]


LATER = "def later():\n    import asyncio\n"


@pytest.mark.parametrize(
    ("own", "package", "has"),
    [("", "", False), (LATER, "", True), ("", "import asyncio\n", True), ("", LATER, False)],
    ids=["nobody names it", "the app may import it late", "a package imports it", "a package may import it late"],
)
def test_an_event_loop_is_made_for_those_who_import_asyncio(
    language: Language, own: str, package: str, has: bool
) -> None:
    source = f"{APP}import pkg, sys\n{own}{TELL}sys.modules['genapps.loop'].current.loop is not None\n"
    app = AppInEngine(language, bytes_of({"app.py": source, "site-packages/pkg.py": package}))
    assert app.call("GET", "/").json() is has


def test_packages_can_import_of_the_refused_modules_those_that_the_engine_has(language: Language) -> None:
    probe = f"""
import importlib
found = []
for name in {sorted(REFUSED_MODULES)}:
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    found.append(name)
"""
    app = AppInEngine(language, bytes_of({"app.py": f"{APP}import pkg\n{TELL}pkg.found\n", f"{VENDORED}pkg.py": probe}))
    assert app.call("GET", "/").json() == sorted(FOR_PACKAGES)


def test_a_bundle_that_does_not_fit_into_the_memory_is_told_what_is_full(
    language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.guest.MEMORY_BYTES", 32 * 1024 * 1024)
    flask = installed("flask", "werkzeug", "jinja2", "itsdangerous", "click", "blinker", "markupsafe")
    with pytest.raises(RefusedError) as refused:
        AppInEngine(language, {"app.py": b"from flask import Flask\napp = Flask(__name__)\n", **flask})
    assert "guestMemory of the tier is full" in refused.value.message or "MemoryError" in refused.value.message
